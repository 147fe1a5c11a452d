// SPDX-License-Identifier: GPL-3.0-or-later

import AnalysisTestSupport
@testable import HostAnalysis
import NetworkModel
import PacketWalk
import Testing

@testable import Reports

/// The rows of sockets in the audit's text.
@Suite struct AuditRowTests {
  private static func exposure(
    _ address: String, port: UInt16 = 5432, verdict: TraceVerdict = .drop, pid: Int32 = 7
  )
    throws -> Exposure
  {
    Exposure(
      listener: AuditedSites.listener(port, "postgres", pid: pid, address: try #require(IPAddress(address))),
      place: .host, service: "postgres",
      reachable: [AuditedSites.reach("internet", ["anyone"], verdict, "built in")])
  }

  private static func places(_ exposures: [Exposure]) -> [String] {
    AuditRow.rows(of: exposures) { $0.joined(separator: ", ") }.map(\.place)
  }

  @Test func `both families of one socket are one row if the same is said of both`() throws {
    #expect(Self.places([try Self.exposure("0.0.0.0"), try Self.exposure("::")]) == ["*:5432/tcp"])
    #expect(
      Self.places([try Self.exposure("::1"), try Self.exposure("127.0.0.1")]) == ["localhost:5432/tcp"])
    let between = [
      try Self.exposure("0.0.0.0"), try Self.exposure("0.0.0.0", port: 80), try Self.exposure("::"),
    ]
    #expect(Self.places(between) == ["*:5432/tcp", "0.0.0.0:80/tcp"])
  }

  @Test func `sockets that differ in more than the family have rows of their own`() throws {
    let one = try Self.exposure("0.0.0.0")
    for other in [
      try Self.exposure("::", verdict: .accept), try Self.exposure("::", port: 5433),
      try Self.exposure("::", pid: 8),
      try Self.exposure("0.0.0.0"), try Self.exposure("2001:db8::1"),
    ] {
      #expect(Self.places([one, other]).count == 2)
    }
  }
}
