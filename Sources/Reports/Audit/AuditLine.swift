// SPDX-License-Identifier: GPL-3.0-or-later

internal import HostAnalysis
internal import NetworkModel
internal import PacketWalk
internal import PolicyAnalysis
internal import Ruleset

/// A line of an audit's table: the sides with the same result. Senders that are accepted have a line for each result;
/// all that are refused share one line.
struct AuditLine: Hashable {
  let zones: String
  let from: String
  /// The verdict; `ACCEPT` in capitals if the senders are accepted without a grant.
  let verdict: String
  let because: String

  /// The lines of an exposure; `summary` shortens a list of sides.
  static func lines(of exposure: Exposure, _ summary: ([String]) -> String) -> [AuditLine] {
    let (inside, outside) = (
      exposure.reachable.filter { $0.verdict == .accept || $0.verdict == .undetermined },
      exposure.reachable.filter { $0.verdict == .drop || $0.verdict == .reject }
    )
    var lines: [AuditLine] = []
    var taken: [Exposure.Reach] = []
    for reach in inside {
      let same = inside.filter { other in
        other.verdict == reach.verdict && other.standing == reach.standing && other.from == reach.from
          && other.because == reach.because && other.reason == reach.reason
      }
      if taken.contains(reach) { continue }
      taken += same
      let verdict =
        reach.verdict == .accept && reach.standing == .ungranted ? "ACCEPT" : reach.verdict.rawValue
      lines.append(
        AuditLine(
          zones: summary(same.map(\.zone)), from: reach.from.joined(separator: ", "),
          verdict: verdict, because: reach.words))
    }
    guard !outside.isEmpty else { return lines }
    let zones = outside.map(\.zone).unique
    let everywhere = inside.isEmpty || zones.allSatisfy { zone in !inside.contains { $0.zone == zone } }
    let reasons = outside.map { short($0) }.unique
    lines.append(
      AuditLine(
        zones: summary(zones), from: everywhere ? "all" : "all others",
        verdict: outside.map(\.verdict.rawValue).unique.joined(separator: ", "),
        because: reasons.joined(separator: "; ")))
    return lines
  }

  /// The reason of a refusal in short: `no grant` without the line of the zone.
  private static func short(_ reach: Exposure.Reach) -> String {
    if reach.reason.hasPrefix("no grant") || reach.because.contains("no grant") { return "no grant" }
    return reach.words
  }
}
