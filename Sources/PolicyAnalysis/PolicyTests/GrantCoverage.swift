// SPDX-License-Identifier: GPL-3.0-or-later

public import PolicyLanguage
internal import PacketSets

/// Which grants the tests of a policy cover. If no test covers a grant, the grant can be removed or widened,
/// and every test still passes.
public struct GrantCoverage: Sendable {
  /// A line of `allow` or `failsafe` that no test covers.
  public struct Untouched: Sendable {
    /// The place of the grant.
    public let location: SourceLocation
    /// A line for `tests` that would cover it.
    public let test: String
  }

  /// The number of combinations of a source, a target and a service that the grants contain, and how many of
  /// them some test covers.
  public let combinations: (touched: Int, all: Int)
  /// The grants that no test covers, in the order of the file.
  public let untouched: [Untouched]
  /// The number of lines of `tests`.
  public let tests: Int

  init(_ record: Record, _ policy: Policy) {
    var lines: [Untouched] = []
    var (touched, all) = (0, 0)
    for (index, grant) in record.match.grants.enumerated() {
      all += Self.combinations(grant)
      touched += record.touched[index].count
      if record.touched[index].isEmpty, !record.lines.contains(index) {
        lines.append(Untouched(location: grant.location, test: Self.test(grant)))
      }
    }
    untouched = lines.sorted { $0.location < $1.location }
    combinations = (touched, all)
    tests = policy.tests.count
  }

  /// One warning for each grant that no test covers; a single one for a policy without tests.
  public var warnings: [Diagnostic] {
    func warning(_ location: SourceLocation, _ message: String, _ help: String) -> Diagnostic {
      Diagnostic(
        severity: .warning, location: location, message: message, help: help, sourceLine: nil, length: 1)
    }
    if tests == 0, let first = untouched.first {
      return [
        warning(
          SourceLocation(file: first.location.file, line: 1, column: 1), "the policy has no tests",
          "tests check each later edit of the policy: begin 'tests' with \(first.test)")
      ]
    }
    return untouched.map { line in
      warning(line.location, "no test covers this grant", "add to 'tests': \(line.test)")
    }
  }

  /// The number of source and target pairs of a grant, without pairs of a machine with itself, times its
  /// services.
  private static func combinations(_ grant: Grant) -> Int {
    let own = grant.from.count { source in
      if case .machine(let name) = source { grant.to.contains(.machine(name)) } else { false }
    }
    return (grant.from.count * grant.to.count - own) * grant.services.count
  }

  private static func test(_ grant: Grant) -> String {
    PolicyWords.test(
      from: grant.wordsFrom.first ?? "", to: grant.wordsTo.first ?? "",
      allow: grant.services.first?.name ?? "")
  }

  /// Records which grants are covered while tests run.
  struct Record {
    let match: GrantMatch
    /// The covered combinations, by grant.
    private(set) var touched: [Set<GrantMatch.Combination>]
    /// Grants whose counter decided, whichever combination matched.
    private(set) var lines: Set<Int> = []

    init(_ match: GrantMatch) {
      self.match = match
      touched = Array(repeating: [], count: match.grants.count)
    }

    /// Records packets that every machine on the packet path accepts; they arrive at the target's machine
    /// from a zone, or, without one, the machine itself sends them.
    mutating func note(
      _ spaces: [PacketSpace], to target: GrantTarget, of service: Service, by zone: SiteZone?
    ) {
      for (grant, combinations) in match.combinations(spaces, to: target, of: service, by: zone) {
        touched[grant].formUnion(combinations)
      }
    }

    /// Records the lines whose counter decided for an accepted packet.
    mutating func note(decidedBy lines: [Int]) { self.lines.formUnion(match.grants(onLines: lines)) }
  }
}
