// SPDX-License-Identifier: GPL-3.0-or-later

package import Enforcement
internal import Netlink
internal import NetworkModel
internal import PolicyCompiler
internal import Ruleset

/// Loads the last proven ruleset before the network is up: it reads no policy, no names, no clock and no network.
package struct BootLoader {
  private let directory: StateDirectory?
  private let journal = Journal()

  /// A loader of the rulesets in a directory.
  package init(_ directory: StateDirectory?) { self.directory = directory }

  /// Puts in force the first of these that can be loaded: where the ruleset for boot is not what the state says, the stored
  /// ruleset that is, or the one for a panic; the ruleset for boot; the ones for a lock-down and a panic; a built-in one. Loads
  /// nothing on a machine on which nothing was ever in force. A daemon's table is not changed. Refuses if none could be loaded.
  package func load() throws(Refusal) -> BootReport {
    var kernel: KernelRuleset
    do throws(StoreError) { kernel = try KernelRuleset() } catch {
      throw Refusal("\(EnforcementError(error))")
    }
    if case .found(let loaded) = LoadedRuleset.read(from: &kernel), loaded.holder == .process {
      journal.say(.notice, "nothing was loaded: \(loaded.sentence(storedIn: directory))")
      return BootReport(source: .daemon, provenance: nil)
    }
    if directory == nil {
      journal.say(
        .warning,
        "the stored rulesets of the machine are not used in a network namespace other than the machine's own: "
          + "name a folder with --state-dir")
    }
    if let directory, directory.past == .nothing {
      journal.say(
        .notice,
        "nothing was loaded: no ruleset was ever in force on this machine. Run wgfence apply to begin")
      return BootReport(source: .nothing, provenance: nil)
    }
    // The state decides. A process that ended after it had saved the state leaves a ruleset that is not stored for boot yet.
    let boot = directory?.ruleset(.boot).value?.provenance
    if let panic = directory?.unstoredPanic, load(panic, &kernel) == .loaded {
      journal.say(.warning, "PANIC: loaded the stored ruleset of \(panic.provenance.path)")
      return BootReport(source: .panic, provenance: panic.provenance)
    }
    if let settled = directory?.settled, settled.provenance != boot, load(settled, &kernel) == .loaded {
      let from = settled.provenance
      journal.say(.notice, "loaded the stored ruleset in force, of \(from.path) (\(from.digest))")
      return BootReport(source: .inForce, provenance: from)
    }
    // Each of these contains the failsafe grants.
    for (slot, source) in [
      (StateDirectory.Slot.boot, BootReport.Source.boot), (.lockDown, .lockDown), (.panic, .panic),
    ] {
      if let loaded = load(slot, &kernel) { return BootReport(source: source, provenance: loaded) }
    }
    let table = Lowering.table(PolicyCompiler.lastResort)
    let provenance = Provenance(
      kind: .lockDown, path: "built in", digest: "", machine: "", by: "boot", since: 0)
    if let ruleset = try? StoredRuleset(table, provenance), load(ruleset, &kernel) == .loaded {
      journal.say(.warning, "LOCKED DOWN: only loopback, replies and UDP 51820 are accepted")
      return BootReport(source: .builtIn, provenance: provenance)
    }
    // The message must describe the table that is loaded now, no matter which process loaded it.
    switch LoadedRuleset.read(from: &kernel) {
    case .found(let loaded):
      throw Refusal("no ruleset could be loaded: \(loaded.sentence(storedIn: directory))")
    case .nothing: throw Refusal("no ruleset could be loaded: THIS MACHINE IS NOT PROTECTED")
    case .unknown(let why):
      throw Refusal(
        "no ruleset could be loaded, and it is not known what is in force (\(why)): THIS MACHINE MAY NOT BE PROTECTED"
      )
    }
  }

  private enum Outcome {
    case loaded
    case failed
  }

  /// Loads a stored ruleset; nil if there is none, or if it could not be loaded.
  private func load(_ slot: StateDirectory.Slot, _ kernel: inout KernelRuleset) -> Provenance? {
    guard let directory else { return nil }
    switch directory.ruleset(slot) {
    case .absent: journal.say(.warning, "the ruleset \(directory.path)/\(slot.rawValue) does not exist")
    case .damaged(let why): journal.say(.error, "\(why)")
    case .whole(let ruleset):
      guard load(ruleset, &kernel) == .loaded else { return nil }
      let from = ruleset.provenance
      journal.say(
        slot == .boot ? .notice : .warning,
        "\(slot == .boot ? "loaded" : "LOCKED DOWN with") the ruleset of \(from.path) (\(from.digest))")
      return from
    }
    return nil
  }

  /// Sends a ruleset and reads it back.
  private func load(_ ruleset: StoredRuleset, _ kernel: inout KernelRuleset) -> Outcome {
    do throws(StoreError) {
      // On a host that runs already, connections that the ruleset grants go on, as with the first apply. At boot there is none.
      // Nothing that fails here may keep the ruleset from being loaded.
      if let meant = ruleset.table, let before = try? kernel.read(), before.table == nil {
        for gap in ConnectionAdoption.adopt(before: meant) { journal.say(.info, "\(gap)") }
      }
      try kernel.replay(ruleset)
      guard let meant = ruleset.table, Plan(desired: meant, observed: try kernel.read().table).isEmpty else {
        journal.say(.error, "the kernel's table differs from the stored ruleset that was loaded")
        return .failed
      }
      return .loaded
    } catch {
      journal.say(.error, "the kernel refused the stored ruleset: \(EnforcementError(error))")
      return .failed
    }
  }
}
