// SPDX-License-Identifier: GPL-3.0-or-later

package import Enforcement
internal import Glibc
internal import LinuxHost
internal import NetworkModel
internal import PolicyFiles
internal import Ruleset

/// The environment of the daemon's controller: the policy file, the clocks and the journal.
final class DaemonEnvironment: ControllerEnvironment {
  let loader: PolicyLoader
  private let journal: (Controller.Severity, PrintableText) -> Void
  /// The list files of the policy as it was last read.
  private(set) var lists: [String] = []
  private var gaps: [String] = []
  /// Schedules reading the policy file on another thread.
  var readLater: () -> Void = {}

  init(machine: MachineChoice, say: @escaping (Controller.Severity, PrintableText) -> Void) {
    loader = PolicyLoader(daemon: machine)
    journal = say
  }

  func readPolicy() -> PolicyReading? {
    readLater()
    return nil
  }

  /// Records the list files of a loaded policy and logs its gaps. Returns the reading.
  func take(_ loaded: PolicyLoader.Loaded) -> PolicyReading {
    lists = loaded.lists
    let reading = loaded.reading
    if case .accepted = reading { note(loaded.gaps) } else { note([]) }
    return reading
  }

  /// Logs what is not known or differs from the policy. Each sentence is logged once as long as it is true.
  func note(_ found: [String]) {
    for gap in found where !gaps.contains(gap) { say(.warning, "\(gap)") }
    gaps = found
  }

  package func now() -> Moment { Moment.now }

  package func say(_ severity: Controller.Severity, _ text: PrintableText) { journal(severity, text) }
}

extension Moment {
  private static let boot = Clock.bootIdentity

  /// The current time, by the machine's clocks.
  package static var now: Moment {
    Moment(sinceBoot: Clock.sinceBoot, sinceEpoch: Int64(time(nil)), boot: boot)
  }
}
