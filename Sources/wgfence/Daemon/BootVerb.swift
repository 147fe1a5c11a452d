// SPDX-License-Identifier: GPL-3.0-or-later

import ArgumentParser
import DaemonService
import Enforcement
import Glibc
import Netlink
import NetworkModel
import PolicyCompiler
import Ruleset

/// `wgfence boot`: loads the last proven ruleset.
struct BootVerb: Verb {
  static let configuration = verb(
    "boot", "Load the last proven ruleset, before the network is up.",
    discussion: """
      For the service manager, early at boot: sends the stored ruleset to the kernel as it is, without reading the \
      policy, names, the clock or the network. Where it is damaged or missing, the lock-down ruleset is loaded: \
      loopback, the tunnels' own packets and the failsafe grants; where that is missing too, one with UDP 51820 alone. \
      Beside a running daemon, which holds the table, it changes nothing and says what is in force.

      Exit status: 0 a ruleset is in force: one of these, or the daemon's; 1 none of these could be loaded.
      """)

  @OptionGroup var places: StateOptions
  @OptionGroup var namespace: NamespaceGuard

  func run() throws {
    try namespace.check()
    let journal = Journal()
    var kernel = try openKernel()
    if case .found(let loaded) = LoadedRuleset.read(from: &kernel), loaded.holder == .process {
      return journal.say(.notice, "nothing was loaded: \(loaded.sentence(storedIn: places.directory))")
    }
    if let directory = places.directory {
      for slot in [StateDirectory.Slot.boot, .lockDown] {
        switch directory.ruleset(slot) {
        case .absent: journal.say(.warning, "there is no ruleset \(directory.path)/\(slot.rawValue)")
        case .damaged(let why): journal.say(.error, "\(why)")
        case .whole(let ruleset):
          if load(ruleset, &kernel, journal) {
            let from = ruleset.provenance
            journal.say(
              slot == .boot ? .notice : .warning,
              "\(slot == .boot ? "loaded" : "LOCKED DOWN with") the ruleset of \(from.path) (\(from.digest))")
            return
          }
        }
      }
    }
    let table = Lowering.table(PolicyCompiler.lastResort)
    let provenance = Provenance(
      kind: .lockDown, path: "built in", digest: "", machine: "", by: "boot", since: 0)
    if let ruleset = try? StoredRuleset(table, provenance), load(ruleset, &kernel, journal) {
      journal.say(.warning, "LOCKED DOWN: nothing is let in but loopback, replies and UDP 51820")
      return
    }
    // What is there now, whoever put it there, decides what is true.
    switch LoadedRuleset.read(from: &kernel) {
    case .found(let loaded):
      Console.error("no ruleset could be loaded: \(loaded.sentence(storedIn: places.directory))")
    case .nothing: Console.error("no ruleset could be loaded: THIS MACHINE IS NOT PROTECTED")
    case .unknown(let why):
      Console.error(
        "no ruleset could be loaded, and what is in force is not known (\(why)): THIS MACHINE MAY NOT BE PROTECTED"
      )
    }
    throw ExitCode(1)
  }

  private func openKernel() throws -> KernelRuleset {
    do throws(StoreError) {
      return try KernelRuleset()
    } catch {
      Console.error("\(EnforcementError(error))")
      throw ExitCode(1)
    }
  }

  /// Sends it and reads it back.
  private func load(_ ruleset: StoredRuleset, _ kernel: inout KernelRuleset, _ journal: Journal) -> Bool {
    do throws(StoreError) {
      try kernel.replay(ruleset)
      guard let meant = ruleset.table, Plan(desired: meant, observed: try kernel.read().table).isEmpty else {
        journal.say(.error, "the kernel does not hold the stored ruleset that it took")
        return false
      }
      return true
    } catch {
      journal.say(.error, "the stored ruleset was not taken: \(EnforcementError(error))")
      return false
    }
  }
}
