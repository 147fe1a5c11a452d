// SPDX-License-Identifier: GPL-3.0-or-later

import LinuxHost
import Netlink
import NetworkModel
import PacketWalk
import Ruleset
import TestSupport
import Testing

@Suite("The walk, compared with a kernel point by point", .serialized)
struct WalkCaseTests {
  @Test("predicts what the kernel does", arguments: WalkCase.all)
  func agrees(_ point: WalkCase) throws {
    try inNetworkNamespace {
      let world = try World()
      world.below = point.below
      for words in point.setup {
        let result = try run(words)
        guard result.status == 0 else { throw RunProblem(description: "\(words): \(result.errors)") }
      }
      for text in point.tables + [
        "table ip zz {\nchain x { type filter hook forward priority 400;\nct state new counter\n}\n}\n"
      ] {
        let arguments: [String]
        if let program = WalkCase.program(of: text) {
          guard isInstalled(program) else {
            print("skipped: \(program) is not installed: \(point.testDescription)")
            return
          }
          arguments = [program, "--noflush"]
        } else {
          arguments = text.hasPrefix("*") ? ["iptables-nft-restore", "--noflush"] : ["nft", "-f", "-"]
        }
        let result = try run(arguments, input: text)
        guard result.status == 0 else {
          throw RunProblem(description: "\(arguments): \(result.errors)\n\(text)")
        }
      }
      try world.relaxConntrack()
      let tables = try LoadedTables.read()
      let legacy = tables.filter { $0.subsystem == .legacy }
      #expect(legacy.isEmpty == point.tables.allSatisfy { WalkCase.program(of: $0) == nil })
      #expect(legacy.flatMap(\.unknown) == [])
      let order = try HookOrder.read()
      // A kernel that reports its hooks reports the functions of connection tracking among them.
      let isOrderKnown = !order.functions.isEmpty
      var sender = try Sender(world: world, tables: tables, walk: PacketWalk(tables, order: order))
      for (number, sent) in point.packets.enumerated() {
        var packet = Packet(
          source: try #require(IPAddress(sent.source)),
          destination: try #require(IPAddress(sent.destination)),
          transport: sent.transport, sourcePort: sent.sourcePort, destinationPort: sent.port,
          input: sent.input.flatMap { InterfaceName($0) })
        if sent.transport == .tcp { packet.tcpFlags = sent.flags }
        packet.hopLimit = sent.hopLimit
        let sentBefore = sender.result.packets
        _ = try sender.exchange(packet, ident: 1, segmentSize: sent.segmentSize)
        #expect(
          sender.result.packets == sentBefore + 1, "\(point.testDescription): packet \(number) was not sent")
        let wanted = isOrderKnown ? sent.ordered ?? sent.verdict : sent.verdict
        #expect(sender.lastVerdict == wanted, "\(point.testDescription): packet \(number)")
      }
      #expect(sender.result.disagreements.isEmpty)
      #expect(sender.result.rerouted == 0)
      let open = point.packets.contains { $0.verdict == .undetermined }
      #expect(open || sender.result.undetermined.isEmpty)
    }
  }

  struct RunProblem: Error, CustomStringConvertible { let description: String }
}
