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
  package func load() throws(Refusal) {
    var kernel: KernelRuleset
    do throws(StoreError) { kernel = try KernelRuleset() } catch {
      throw Refusal("\(EnforcementError(error))")
    }
    if case .found(let loaded) = LoadedRuleset.read(from: &kernel), loaded.holder == .process {
      return journal.say(.notice, "nothing was loaded: \(loaded.sentence(storedIn: directory))")
    }
    if directory == nil {
      journal.say(
        .warning,
        "the stored rulesets of the machine are not used in a network namespace other than the machine's own: "
          + "name a folder with --state-dir")
    }
    if let directory, directory.past == .nothing {
      return journal.say(
        .notice,
        "nothing was loaded: no ruleset was ever in force on this machine. Run wgfence apply to begin")
    }
    // The state decides. A process that ended after it had saved the state leaves a ruleset that is not stored for boot yet.
    let boot = directory?.ruleset(.boot).value?.provenance
    if let panic = directory?.unstoredPanic, load(panic, &kernel) == .loaded {
      return journal.say(.warning, "PANIC: loaded the stored ruleset of \(panic.provenance.path)")
    }
    if let settled = directory?.settled, settled.provenance != boot, load(settled, &kernel) == .loaded {
      let from = settled.provenance
      return journal.say(.notice, "loaded the stored ruleset in force, of \(from.path) (\(from.digest))")
    }
    // Each of these contains the failsafe grants.
    if load(.boot, &kernel) == .loaded { return }
    for slot in [StateDirectory.Slot.lockDown, .panic] where load(slot, &kernel) == .loaded { return }
    let table = Lowering.table(PolicyCompiler.lastResort)
    let provenance = Provenance(
      kind: .lockDown, path: "built in", digest: "", machine: "", by: "boot", since: 0)
    if let ruleset = try? StoredRuleset(table, provenance), load(ruleset, &kernel) == .loaded {
      journal.say(.warning, "LOCKED DOWN: only loopback, replies and UDP 51820 are accepted")
      return
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

  private func load(_ slot: StateDirectory.Slot, _ kernel: inout KernelRuleset) -> Outcome {
    guard let directory else { return .failed }
    switch directory.ruleset(slot) {
    case .absent: journal.say(.warning, "the ruleset \(directory.path)/\(slot.rawValue) does not exist")
    case .damaged(let why): journal.say(.error, "\(why)")
    case .whole(let ruleset):
      guard load(ruleset, &kernel) == .loaded else { return .failed }
      let from = ruleset.provenance
      journal.say(
        slot == .boot ? .notice : .warning,
        "\(slot == .boot ? "loaded" : "LOCKED DOWN with") the ruleset of \(from.path) (\(from.digest))")
      return .loaded
    }
    return .failed
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
