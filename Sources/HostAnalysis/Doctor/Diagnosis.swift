// SPDX-License-Identifier: GPL-3.0-or-later

/// The results of all doctor checks, the most severe findings first.
public struct Diagnosis: Sendable {
  /// The findings, by severity, then by check. A tunnel that ends in a container is first: all other findings about
  /// that tunnel follow from it.
  public let findings: [DoctorFinding]
  /// The checks that were made completely and found nothing.
  public let passed: [CheckResult]
  /// The checks that could not be made, or not completely, each with one reason; a check may occur several times.
  public let notMade: [(check: DoctorCheck, why: String)]

  /// Runs every check.
  public init(_ subject: DoctorSubject, walks: DoctorWalks) {
    self.init(
      results: [
        subject.tunnelInContainer(), subject.tunnelMissing(), subject.tunnelDown(),
        subject.tunnelWithoutAddress(),
        subject.listenPort(walks.listening), subject.handshake(), subject.allowedIPsOverlap(),
        subject.allowedIPsPolicy(),
        subject.route(), subject.mtu(), subject.reversePathFilter(), subject.sourceValidMark(),
        subject.forwarding(),
        subject.swarmAddress(), subject.otherFirewall(walks.granted),
        subject.otherTranslation(walks.granted), subject.boundAddress(),
        subject.endpointLeftOut(), subject.misplacedAddress(), subject.sharedBridge(),
        subject.uncoveredBridge(),
        subject.arpForTunnel(),
        subject.ipv6LeftOut(),
        subject.userspace(),
      ])
  }

  init(results: [CheckResult]) {
    let order = Dictionary(
      uniqueKeysWithValues: DoctorCheck.allCases.enumerated().map { ($0.element, $0.offset) })
    findings = results.flatMap(\.findings).enumerated().sorted { one, two in
      func key(_ finding: (offset: Int, element: DoctorFinding)) -> (Int, FindingSeverity, Int, Int) {
        let isFirst = finding.element.check == .tunnelInContainer && finding.element.severity == .error
        return (
          isFirst ? 0 : 1, finding.element.severity, order[finding.element.check] ?? 0, finding.offset
        )
      }
      return key(one) < key(two)
    }.map(\.element)
    passed = results.filter { $0.findings.isEmpty && $0.gaps.isEmpty }
    notMade = results.flatMap { result in result.gaps.map { (result.check, $0) } }
  }

  /// The number of findings of this severity.
  public func count(_ severity: FindingSeverity) -> Int { findings.count { $0.severity == severity } }

  /// Whether there is an error or a warning.
  public var hasProblems: Bool { findings.contains { $0.severity != .information } }
}
