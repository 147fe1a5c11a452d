// SPDX-License-Identifier: GPL-3.0-or-later

import AnalysisTestSupport
import NetworkModel
@testable import Reports
import PacketWalk
import Testing

@testable import PolicyAnalysis
@testable import HostAnalysis

@Suite struct ExposureMapTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let page: AuditPage
    let measures: ExposureMap.Measures
    let testDescription: String

    var map: ExposureMap { ExposureMap(of: page.exposures, from: page.sides, measures) }
  }

  static let cases: [Case] =
    [
      ("a research machine", AuditedSites.research),
      ("3 zones and 8 services", AuditedSites.large(zones: 3, services: 8)),
      ("8 zones and 60 services", AuditedSites.large(zones: 8, services: 60)),
      ("1 zone and 1 service", AuditedSites.large(zones: 1, services: 2)),
      ("hostile names", AuditedSites.hostilePage()),
    ].flatMap { name, page in
      [
        Case(page: page, measures: .wide, testDescription: "\(name), wide"),
        Case(page: page, measures: .narrow, testDescription: "\(name), narrow"),
      ]
    }

  @Test(arguments: cases) func `every accepted or undetermined reach has exactly one line`(_ test: Case) {
    let map = test.map
    var wanted = 0
    for (index, exposure) in test.page.exposures.enumerated() {
      for reach in exposure.reachable {
        let flow = test.page.sides.first { $0.name == reach.zone }
          .flatMap { ExposureMap.Flow(reach, from: $0.kind) }
        let lines = map.lines.filter { line in
          map.services[line.service].exposures.contains(index) && map.sides[line.side].name == reach.zone
            && line.senders == reach.from && line.flow == flow
        }
        let expected = flow == nil ? 0 : 1
        #expect(lines.count == expected, "\(exposure.socket) from \(reach.zone)")
        wanted += expected
      }
    }
    #expect(map.lines.count <= wanted && wanted > 0)
    let shown = map.services.flatMap(\.exposures) + map.unreached
    #expect(shown.sorted() == Array(test.page.exposures.indices))
  }

  @Test(arguments: cases) func `boxes do not overlap, and all are inside the drawing`(_ test: Case) {
    let map = test.map
    let frames = map.sides.map(\.frame) + map.services.map(\.frame)
    for (index, frame) in frames.enumerated() {
      #expect(frame.x >= 1 && frame.y >= 1 && frame.right < map.width && frame.bottom < map.height)
      for other in frames[..<index] {
        let isApart =
          frame.right <= other.x || other.right <= frame.x || frame.bottom + 8 <= other.y
          || other.bottom + 8 <= frame.y
        #expect(isApart, "\(frame) \(other)")
      }
    }
  }

  @Test(arguments: cases) func `every text fits its box, and headings do not overlap boxes`(_ test: Case) {
    let map = test.map
    let boxes = map.sides.map { ($0.frame, $0.labels) } + map.services.map { ($0.frame, $0.labels) }
    for (frame, labels) in boxes {
      #expect(!labels.isEmpty)
      var last = frame.y
      for label in labels {
        let width = (AlignedTable.width(label.text) * test.measures.characterTenths + 9) / 10
        #expect(label.x >= frame.x + 4 && label.x + width <= frame.right - 4, "\(label.text)")
        #expect(label.y >= last + 9 && label.y + 4 <= frame.bottom)
        last = label.y
      }
    }
    for heading in map.headings {
      #expect(heading.y > 12)
      for (frame, _) in boxes where frame.x <= heading.x && heading.x < frame.right {
        #expect(heading.y + 4 <= frame.y || heading.y - 12 >= frame.bottom, "\(heading.text)")
      }
    }
  }

  @Test(arguments: cases) func `lines start at their side, end at their service, and do not overlap`(
    _ test: Case
  ) {
    let map = test.map
    for (index, line) in map.lines.enumerated() {
      let side = map.sides[line.side].frame
      let service = map.services[line.service].frame
      #expect(line.startX == side.right && line.startY > side.y && line.startY < side.bottom)
      #expect(line.endX == service.x && line.endY > service.y && line.endY < service.bottom)
      #expect(line.laneX > line.startX + 6 && line.laneX < line.endX - 15)
      for other in map.lines[..<index] {
        let isOneTrunk =
          line.side == other.side && line.senders == other.senders && line.flow == other.flow
        #expect((line.laneX == other.laneX) == isOneTrunk && (line.startY == other.startY) == isOneTrunk)
        #expect(isOneTrunk || abs(line.laneX - other.laneX) >= 8)
        // Starts and ends never have the same y: the start of a line cannot overlap the branch of another.
        #expect(abs(line.endY - other.endY) >= 8 && abs(line.startY - other.endY) >= 4)
        #expect(abs(line.endY - other.startY) >= 4)
      }
    }
  }

  @Test func `a side from which nothing is let in is shown without a line`() {
    let page = AuditedSites.page(
      [AuditedSites.zone("wg0", .tunnel), AuditedSites.zone("internet", .network)],
      [
        Exposure(
          listener: AuditedSites.listener(5432, "postgres"), service: "postgres",
          reachable: [
            AuditedSites.reach("wg0", ["laptop"], .accept, "policy.yaml:3", standing: .granted),
            AuditedSites.reach("internet", ["anyone"], .reject, "built in"),
          ])
      ])
    let map = ExposureMap(of: page.exposures, from: page.sides, .wide)
    #expect(map.lines.map(\.flow) == [.tunnel] && map.sides.map(\.isSilent) == [false, true])
  }

  @Test func `sockets that differ only in their addresses are one box`() {
    let reach = AuditedSites.reach("wg0", ["laptop"], .accept, "policy.yaml:3", standing: .granted)
    let exposures = [IPAddress(family: .ipv4, bits: 0), IPAddress(family: .ipv6, bits: 0)].map {
      Exposure(
        listener: AuditedSites.listener(22, "sshd", pid: 9, address: $0), service: "ssh", reachable: [reach])
    }
    let map = ExposureMap(of: exposures, from: [AuditedSites.zone("wg0", .tunnel)], .wide)
    #expect(map.services.map(\.exposures) == [[0, 1]] && map.lines.count == 1)
  }

  @Test func `services with the same port are distinguished by their addresses`() {
    let senders = [["laptop"], ["server"]]
    let exposures = [IPAddress(family: .ipv4, bits: 0), IPAddress(family: .ipv6, bits: 0)].enumerated().map {
      Exposure(
        listener: AuditedSites.listener(51820, address: $1, transport: .udp), service: nil,
        reachable: [AuditedSites.reach("wg0", senders[$0], .accept, "policy.yaml:3", standing: .granted)])
    }
    let sides = [AuditedSites.zone("wg0", .tunnel)]
    let map = ExposureMap(of: exposures, from: sides, .wide)
    #expect(map.services.map { $0.labels.last?.text } == ["0.0.0.0", "::"])
    let alone = ExposureMap(of: [exposures[0]], from: sides, .wide)
    #expect(alone.services.map { $0.labels.last?.text } == ["the kernel"])
  }

  @Test(arguments: [
    ("one two three", 7, 2, ["one two", "three"]), ("abcdefghij", 4, 3, ["abcd", "efgh", "ij"]),
    ("one two three four", 7, 2, ["one two", "three…"]), ("漢字漢字", 4, 1, ["漢…"]), ("", 4, 1, []),
  ]) func `a text is broken into lines that fit`(
    _ text: String, _ columns: Int, _ limit: Int, _ lines: [String]
  ) {
    #expect(MapText.lines(text, columns: columns, limit: limit) == lines)
  }

  @Test func `a list ends with the number of names that do not fit`() {
    #expect(MapText.list(["ann", "bob", "eve"], columns: 9, limit: 2) == ["ann, bob,", "eve"])
    let names = (0..<40).map { "laptop-\($0)" }
    #expect(MapText.list(names, columns: 20, limit: 3).last == "and 36 more")
  }
}
