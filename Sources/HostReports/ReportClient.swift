// SPDX-License-Identifier: GPL-3.0-or-later

package import DaemonService
internal import Enforcement
internal import Glibc
internal import LinuxHost
internal import NetworkModel
internal import PolicyFiles
internal import Reports

/// Makes a report for a verb: in this process, or by the report service if this process may not read the host and its user may
/// ask the service.
package struct ReportClient {
  private let policy: PolicySource
  /// The state directory that was named; nil: the usual one.
  private let state: String?
  /// The file with an earlier report of audit; nil: none.
  private let baseline: String?

  /// The policy, the state directory and the file with an earlier report of audit as its user named them.
  package init(_ policy: PolicySource, state: String? = nil, baseline: String? = nil) {
    (self.policy, self.state, self.baseline) = (policy, state, baseline)
  }

  /// What is printed while the report is made, and the report.
  package enum Output {
    case report(HostReport.Body)
    case remark(HostReport.Remark)
    /// What the service sent.
    case words(DaemonConnection.Words)
  }

  /// Makes the report, and passes on its parts. Returns the exit status. Throws what a verb can throw.
  package func answer(_ subject: HostReportRequest.Subject, machine: String?, pass: (Output) -> Void) throws
    -> Int32
  {
    let request = HostReportRequest(
      subject, machine: machine, session: OwnSession.session, columns: Terminal.columns(STDOUT_FILENO),
      colours: Terminal.colours(STDOUT_FILENO))
    let earlier = try baseline.map { try HostReading.baseline($0) }
    if let service = try service(for: subject) {
      return try ask(service, request, earlier?.bytes) { pass(.words($0)) }
    }
    let report = try HostReport.make(
      request, of: policy, state: HostPlaces.state(state), leavingOut: earlier?.baseline,
      say: { pass(.remark($0)) })
    pass(.report(report.body))
    return report.status
  }

  /// The service; nil if this process reads the host itself.
  private func service(for subject: HostReportRequest.Subject) throws(Refusal) -> DaemonConnection? {
    if geteuid() == 0 || Capability.isNetworkAdministrator { return nil }
    // The service reads its own state directory.
    if subject.readsState, HostPlaces.isStateNamed(state) { return nil }
    guard let path = HostPlaces.reportSocket else { return nil }
    return try DaemonConnection(path: path, .reports)
  }

  private func ask(
    _ service: DaemonConnection, _ request: HostReportRequest, _ baseline: [UInt8]?,
    say: (DaemonConnection.Words) -> Void
  ) throws -> Int32 {
    var files: [[UInt8]] = []
    var handover: PolicyHandover?
    switch policy {
    case .usual: break
    case .file, .received:
      let (file, path) = try policy.load()
      files = [file.bytes] + file.lists.map(\.bytes)
      handover = PolicyHandover(
        path: path, machine: nil, lists: file.lists.map(\.name), lengths: files.map(\.count))
    }
    if let baseline { files.append(baseline) }
    let message = ReportMessage(request, policy: handover, baseline: baseline?.count)
    return try service.exchange(message.frame, files: files, patience: ReportService.patience, say: say)
      .status
  }
}
