// SPDX-License-Identifier: GPL-3.0-or-later

package import DropAnalysis
package import Enforcement
package import NetworkModel
package import Reports

/// A report about this host: which one, for which policy, and for which terminal it is written.
package struct HostReportRequest: Sendable, Hashable {
  /// Which report.
  package enum Subject: Sendable, Hashable {
    case audit(AuditFormat, FailureThreshold)
    case doctor(FirewallRequest.ReportForm)
    case plan(FirewallRequest.ReportForm, Detail)
    /// The stored log of dropped packets, since an age.
    case log(FirewallRequest.ReportForm, DropAge, Grouping)
    /// The change of the policy that would let them in.
    case suggest(FirewallRequest.ReportForm, DropAge)

    /// Whether it is about the state directory.
    var readsState: Bool {
      switch self {
      case .log, .suggest: true
      case .audit, .doctor, .plan: false
      }
    }
  }

  /// Whether a log has a line for each record, or groups them.
  package enum Grouping: String, Sendable, Hashable {
    case lines
    case summary
  }

  /// Whether a plan lists the operations for the kernel.
  package enum Detail: String, Sendable, Hashable {
    case usual
    case operations
  }

  /// Which report.
  package let subject: Subject
  /// This host's machine in the policy; nil: that of the host name.
  package let machine: String?
  /// The connection over which the user reaches this host; nil: none that is known.
  package let session: RemoteSession?
  /// The columns of the terminal; nil: it is not written to one.
  package let columns: Int?
  /// Whether the text has colours.
  package let colours: PrintableText.Colours

  /// A request of these parts.
  package init(
    _ subject: Subject, machine: String?, session: RemoteSession?, columns: Int?,
    colours: PrintableText.Colours
  ) {
    (self.subject, self.machine, self.session) = (subject, machine, session)
    (self.columns, self.colours) = (columns, colours)
  }

  /// The verb that asks for it.
  package var verb: String {
    switch subject {
    case .audit: "audit"
    case .doctor: "doctor"
    case .plan: "plan"
    case .log: "log"
    case .suggest: "suggest"
    }
  }
}
