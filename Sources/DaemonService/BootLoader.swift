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

  /// A loader of what a directory stores.
  package init(_ directory: StateDirectory?) { self.directory = directory }

  /// Puts in force the first of these that can be: the ruleset for boot, the one of a lock-down, one that is built in. A
  /// daemon's table stays as it is. Refuses where nothing could be loaded.
  package func load() throws(Refusal) {
    var kernel: KernelRuleset
    do throws(StoreError) { kernel = try KernelRuleset() } catch {
      throw Refusal("\(EnforcementError(error))")
    }
    if case .found(let loaded) = LoadedRuleset.read(from: &kernel), loaded.holder == .process {
      return journal.say(.notice, "nothing was loaded: \(loaded.sentence(storedIn: directory))")
    }
    for slot in [StateDirectory.Slot.boot, .lockDown] where load(slot, &kernel) == .loaded { return }
    let table = Lowering.table(PolicyCompiler.lastResort)
    let provenance = Provenance(
      kind: .lockDown, path: "built in", digest: "", machine: "", by: "boot", since: 0)
    if let ruleset = try? StoredRuleset(table, provenance), load(ruleset, &kernel) == .loaded {
      journal.say(.warning, "LOCKED DOWN: nothing is let in but loopback, replies and UDP 51820")
      return
    }
    // What is there now, whoever put it there, decides what is true.
    switch LoadedRuleset.read(from: &kernel) {
    case .found(let loaded):
      throw Refusal("no ruleset could be loaded: \(loaded.sentence(storedIn: directory))")
    case .nothing: throw Refusal("no ruleset could be loaded: THIS MACHINE IS NOT PROTECTED")
    case .unknown(let why):
      throw Refusal(
        "no ruleset could be loaded, and what is in force is not known (\(why)): THIS MACHINE MAY NOT BE PROTECTED"
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
    case .absent: journal.say(.warning, "there is no ruleset \(directory.path)/\(slot.rawValue)")
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

  /// Sends it and reads it back.
  private func load(_ ruleset: StoredRuleset, _ kernel: inout KernelRuleset) -> Outcome {
    do throws(StoreError) {
      try kernel.replay(ruleset)
      guard let meant = ruleset.table, Plan(desired: meant, observed: try kernel.read().table).isEmpty else {
        journal.say(.error, "the kernel does not hold the stored ruleset that it took")
        return .failed
      }
      return .loaded
    } catch {
      journal.say(.error, "the stored ruleset was not taken: \(EnforcementError(error))")
      return .failed
    }
  }
}
