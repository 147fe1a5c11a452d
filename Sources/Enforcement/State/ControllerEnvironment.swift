// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel
public import Ruleset

/// What a driver needs from the process: the policy file, the clock and the journal.
public protocol ControllerEnvironment {
  /// Reads and checks the policy file. Nil if that takes longer: the result is given to the controller later.
  func readPolicy() -> PolicyReading?
  /// The current time.
  func now() -> Moment
  /// The first ruleset is going to be loaded into a kernel that has none: connection tracking must know the host's
  /// live connections before. A failure is written to the journal.
  func adoptConnections(before desired: KernelTable)
  /// A table is loaded that translates other addresses than the one before: connections that keep a translation that it
  /// does not have must end. A failure is written to the journal.
  func endTranslatedConnections(from old: KernelTable, to new: KernelTable)
  /// Writes a line to the journal.
  func say(_ severity: Controller.Severity, _ text: PrintableText)
}
