// SPDX-License-Identifier: GPL-3.0-or-later

public import PolicyLanguage
internal import PacketSets

/// Which grants the packets of a policy's tests went by. What no test goes by may be taken out, or widened, and every
/// test still holds.
public struct GrantCoverage: Sendable {
  /// A line of `allow` or `failsafe` that no test's packet went by.
  public struct Untouched: Sendable {
    /// The line.
    public let location: SourceLocation
    /// A line of `tests` whose packets would go by it.
    public let test: String
  }

  /// The combinations of a source, a target and a service that some line grants: how many, and how many of them were
  /// gone by.
  public let combinations: (touched: Int, all: Int)
  /// The lines gone by by nothing, as written.
  public let untouched: [Untouched]
  /// How many lines of `tests` there are.
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

  /// What there is to say of it, as warnings; of a policy without tests, one.
  public var warnings: [Diagnostic] {
    func warning(_ location: SourceLocation, _ message: String, _ help: String) -> Diagnostic {
      Diagnostic(
        severity: .warning, location: location, message: message, help: help, sourceLine: nil, length: 1)
    }
    if tests == 0, let first = untouched.first {
      return [
        warning(
          SourceLocation(file: first.location.file, line: 1, column: 1), "the policy has no tests",
          "say what must hold, whoever edits it: begin 'tests' with \(first.test)")
      ]
    }
    return untouched.map { line in
      warning(line.location, "no test goes by this grant", "add to 'tests': \(line.test)")
    }
  }

  /// The pairs of a grant's ends, but for a machine with itself, times its services.
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

  /// What was gone by, while tests run.
  struct Record {
    let match: GrantMatch
    /// By grant.
    private(set) var touched: [Set<GrantMatch.Combination>]
    /// Grants whose counter decided, whatever part of them it was.
    private(set) var lines: Set<Int> = []

    init(_ match: GrantMatch) {
      self.match = match
      touched = Array(repeating: [], count: match.grants.count)
    }

    /// Notes packets that are let in all the way to a target, whose machine they reach by a zone.
    mutating func note(
      _ spaces: [PacketSpace], to target: GrantTarget, of service: Service, by zone: SiteZone
    ) {
      for (grant, combinations) in match.combinations(spaces, to: target, of: service, by: zone) {
        touched[grant].formUnion(combinations)
      }
    }

    /// Notes the lines whose counter decided of a packet that is let in.
    mutating func note(decidedBy lines: [Int]) { self.lines.formUnion(match.grants(onLines: lines)) }
  }
}
