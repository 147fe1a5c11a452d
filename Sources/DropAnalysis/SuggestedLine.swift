// SPDX-License-Identifier: GPL-3.0-or-later

public import PolicyAnalysis

/// A line of `allow` that dropped packets suggest, with the evidence for it.
public struct SuggestedLine: Sendable {
  /// Why a person should look at a line before it is granted.
  public enum Risk: Sendable, Hashable {
    /// The packets came from the internet.
    case internet
    /// The source asked for so many services: it looks like a scan.
    case scan(services: Int)
    /// There were so few packets.
    case rare(packets: UInt64)
    /// The policy's test on this line forbids it.
    case test(line: Int)
    /// The policy would not be valid with the line.
    case notValid

    /// The risk, in words.
    public var words: String {
      switch self {
      case .internet: "from the internet, where anyone can send and a source can change"
      case .scan(let services): "its source asked for \(services) services: this looks like a scan"
      case .rare(let packets): "only \(packets) packet\(packets == 1 ? " was" : "s were") seen"
      case .test(let line): "the test of line \(line) forbids it"
      case .notValid: "the policy would not be valid with it"
      }
    }
  }

  /// The line.
  public let line: GrantLine
  /// The packets, most first.
  public let evidence: [DropReport]
  /// Why the line needs a person's judgement; empty if nothing is known against it.
  public private(set) var risks: [Risk]

  /// A line of these parts.
  public init(line: GrantLine, evidence: [DropReport], risks: [Risk]) {
    self.line = line
    self.evidence = evidence
    self.risks = risks
  }

  /// The line with one more risk.
  public func adding(_ risk: Risk) -> SuggestedLine {
    var line = self
    line.risks.append(risk)
    return line
  }

  /// From this many packets on, a source is more than a single attempt.
  static let fewPackets: UInt64 = 3
  /// From this many services on, a source looks like a scan.
  static let manyServices = 8

  /// The number of packets; the sum of the log's samples.
  public var packets: UInt64 {
    evidence.reduce(0) { $0.addingOrMost($1.record.count) }
  }

  /// The lines that a summary suggests, those without risk first, then by packets.
  public static func lines(of summary: DropSummary) -> [SuggestedLine] {
    var order: [GrantLine] = []
    var found: [GrantLine: [DropSummary.Group]] = [:]
    for group in summary.groups {
      guard case .grant(let line) = group.report.remedy else { continue }
      if found[line] == nil { order.append(line) }
      found[line, default: []].append(group)
    }
    let lines = order.compactMap { line -> SuggestedLine? in
      guard let groups = found[line] else { return nil }
      let evidence = groups.map(\.report)
      var risks: [Risk] = []
      if evidence.contains(where: { $0.key.zone == "internet" }) { risks.append(.internet) }
      let services = groups.map(\.services).max() ?? 0
      if services >= manyServices { risks.append(.scan(services: services)) }
      let bare = SuggestedLine(line: line, evidence: evidence, risks: [])
      if bare.packets < fewPackets { risks.append(.rare(packets: bare.packets)) }
      return SuggestedLine(line: line, evidence: evidence, risks: risks)
    }
    return lines.filter(\.risks.isEmpty) + lines.filter { !$0.risks.isEmpty }
  }
}
