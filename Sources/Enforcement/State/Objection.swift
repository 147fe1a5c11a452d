// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel

/// Why a valid policy is not put in force without a user's consent: what works on this host now, and would not work
/// with it.
public struct Objection: Sendable, Hashable {
  /// One line.
  public let reason: String
  /// What stops working, as text, each with the line of the policy that would keep it working.
  public let report: PrintableText

  /// Creates an objection from its parts.
  public init(reason: String, report: PrintableText) {
    self.reason = reason
    self.report = report
  }
}
