// SPDX-License-Identifier: GPL-3.0-or-later

import ArgumentParser
import Enforcement
import NetworkModel

/// The kernel's ruleset as verbs use it: failures end the verb with status 1 and say what to do.
enum KernelSession {
  /// Runs the body with the own table in the kernel.
  static func run<Value>(
    _ body: (inout KernelRuleset) throws(EnforcementError) -> Value
  ) throws -> Value {
    do throws(EnforcementError) {
      var store = try open()
      return try body(&store)
    } catch {
      Console.error("\(error.description)")
      throw ExitCode(1)
    }
  }

  private static func open() throws(EnforcementError) -> KernelRuleset {
    do throws(StoreError) {
      return try KernelRuleset()
    } catch {
      throw EnforcementError(error)
    }
  }
}
