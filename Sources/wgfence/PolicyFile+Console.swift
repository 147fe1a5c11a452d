// SPDX-License-Identifier: GPL-3.0-or-later

import ArgumentParser
import Glibc
import NetworkModel
import PolicyFiles
import PolicyLanguage

extension PolicyFile {
  /// Reads a policy file. One that cannot be read ends the verb with status 1.
  static func read(_ path: String) throws -> PolicyFile {
    do throws(PolicyFileError) { return try load(path) } catch { throw failed(error) }
  }

  /// The same of a file, or of `REV:path` in a git repository.
  static func read(fileOrRevision path: String) throws -> PolicyFile {
    do throws(PolicyFileError) { return try load(fileOrRevision: path) } catch { throw failed(error) }
  }

  private static func failed(_ error: PolicyFileError) -> ExitCode {
    Console.error("\(error.description)")
    return ExitCode(1)
  }

  /// The policy, which must be valid: its errors go to standard error, and end the verb with status 2.
  func validPolicy(_ path: String) throws -> Policy {
    guard decoded.isValid, let policy = decoded.policy else {
      let errors = decoded.diagnostics.filter { $0.severity == .error }
      let style: DiagnosticText.Style = Console.hasColour(STDERR_FILENO) ? .coloured : .plain
      Console.note(DiagnosticText(style: style).render(errors))
      Console.error("\(path) is not valid: \(errors.count) error\(errors.count == 1 ? "" : "s")")
      throw ExitCode(2)
    }
    return policy
  }
}
