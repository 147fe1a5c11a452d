// SPDX-License-Identifier: GPL-3.0-or-later

import Glibc
import NetworkModel
import PacketWalk
import TestSupport
import Testing

@Suite(
  "The audit and nmap, on rulesets in files", .serialized,
  .enabled(if: Nmap.isThere, "nmap is not there: scripts/setup.sh test"))
struct AuditAgreesWithNmapTests {
  /// `WGFENCE_CORPUS_SCANS`: how many of the rulesets are scanned, with all ports if it is set.
  private static let wanted = getenv("WGFENCE_CORPUS_SCANS").flatMap { Int(String(cString: $0)) }

  @Test("agree from every side")
  func agree() throws {
    let all = try CorpusRuleset.all(at: CorpusAgreesWithKernelTests.path)
    let seed = CorpusAgreesWithKernelTests.number("WGFENCE_WALK_SEED", 1)
    var random = SeededGenerator(seed: seed)
    let some = Set(all.map(\.path).shuffled(using: &random).prefix(Self.wanted ?? 3))
    let rulesets = all.filter { some.contains($0.path) }
    try #require(!rulesets.isEmpty)
    var total = AuditScan.Result()
    var skipped: [CorpusRuleset.Skip: [String]] = [:]
    for ruleset in rulesets {
      let scan = AuditScan(ruleset, mostPorts: Self.wanted == nil ? 8 : 200, seed: seed)
      do {
        let result = try scan.run()
        print("  \(ruleset.name): \(result.summary)")
        for line in result.details { print("    \(line)") }
        total.add(result)
      } catch let skip as CorpusRuleset.Skip {
        skipped[skip, default: []].append(ruleset.name)
      }
    }
    print("audit and nmap: \(rulesets.count) of \(all.count) rulesets, seed \(seed): \(total.summary)")
    for (skip, names) in skipped { print("skipped \(names.count), \(skip): \(names.sorted())") }
    for difference in total.differences {
      Issue.record(
        "seed \(seed): \(difference)\nWGFENCE_CORPUS names the ruleset, WGFENCE_CORPUS_SCANS=1 repeats it")
    }
    #expect(skipped.isEmpty, "a ruleset cannot be loaded")
    #expect(total.open > 0 && total.closed > 0)
  }

  /// A ruleset that only decides about one port.
  private static func ruleset(_ verdict: String) -> CorpusRuleset {
    let text = """
      table inet filter {
        chain input { type filter hook input priority 0; policy accept;
          iifname "eth0" tcp dport 8080 \(verdict)
        }
      }

      """
    return CorpusRuleset(path: "control", files: [RulesetFile(text: text, name: "control.nft")])
  }

  @Test("do not agree if the audit is that of a host with other rules")
  func control() throws {
    func scan(_ verdict: String, seed: UInt64) -> AuditScan {
      AuditScan(Self.ruleset(verdict), mostPorts: 0, seed: seed)
    }
    // Servers listen on single addresses.
    var seed: UInt64 = 1
    while scan("drop", seed: seed).ports.host[8080] != .someAddresses { seed += 1 }
    let (open, closed) = (scan("accept", seed: seed), scan("drop", seed: seed))
    let own = try [open.run(), closed.run()]
    #expect(own.map(\.differences.isEmpty) == [true, true])
    let count = own[1].closed
    #expect(own[0].open > count && own[0].closed == 0 && count > 0)

    let claims = try open.claims()
    let other = try closed.run(claims)
    #expect(other.differences.count == count && other.explained.isEmpty, "\(other.details)")
    #expect(other.differences.allSatisfy { $0.claim.verdict == .accept && $0.open.isEmpty })
    let reverse = try open.run(closed.claims())
    #expect(reverse.differences.count == count && reverse.explained.isEmpty, "\(reverse.details)")
    #expect(reverse.differences.allSatisfy { $0.claim.verdict == .drop && !$0.open.isEmpty })
    // An audit that lists nothing for the port.
    let silent = try open.run(claims.filter { $0.port != 8080 || $0.transport == .udp })
    #expect(!silent.differences.isEmpty && silent.explained.isEmpty, "\(silent.details)")
    #expect(silent.differences.allSatisfy { $0.claim.verdict == nil })
  }

  @Test("the output of nmap is read")
  func output() throws {
    let text = """
      Host: 10.0.0.1 ()\tStatus: Up
      Host: 10.0.0.1 ()\tPorts: 80/open/tcp//http///, 81/closed/tcp/////, 53/open/udp//domain///, 54/open|filtered/udp/////\tIgnored State: filtered (2)
      Host: fd00::1 ()\tPorts: 80/open/tcp//http///

      """
    let found = Nmap.read(text).map { "\($0.address) \($0.transport) \($0.port)" }.sorted()
    #expect(found == ["10.0.0.1 tcp 80", "10.0.0.1 udp 53", "fd00::1 tcp 80"])
  }
}
