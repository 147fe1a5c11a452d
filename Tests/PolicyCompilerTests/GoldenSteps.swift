// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel
import PacketWalk
import Ruleset

/// The rules that packets of one connection pass at each hook.
struct GoldenSteps {
  private let interface: InterfaceName
  private let source: IPAddress
  private let destination: IPAddress
  private let port: UInt16
  private let isForwarded: Bool

  /// The words of a line of `about.txt` after `steps`; nil if one is not what it should be.
  init?(_ words: [String]) {
    guard words.count == 4 || words.last == "forwarded", let interface = InterfaceName(words[0]),
      let source = IPAddress(words[1]), let destination = IPAddress(words[2]), let port = UInt16(words[3])
    else { return nil }
    (self.interface, self.source, self.destination, self.port) = (interface, source, destination, port)
    isForwarded = words.count == 5
  }

  /// A line for each packet: its hooks with the number of rules that the kernel evaluates there, and its verdict.
  func text(_ table: KernelTable) -> String {
    let kinds: [(String, ConnectionStates, ConnectionDirection)] = [
      ("first", .new, .original), ("later", .established, .original), ("reply", .established, .reply),
    ]
    return kinds.map { name, state, direction in
      let ports: (UInt16, UInt16) = direction == .reply ? (port, 40_000) : (40_000, port)
      var packet = Packet(
        source: source, destination: destination, transport: .tcp, input: interface, output: nil)
      (packet.sourcePort, packet.destinationPort) = ports
      packet.tcpFlags = state == .new ? .syn : .ack
      (packet.state, packet.direction) = (state, direction)
      packet.inputType = linkType
      packet.destinationType = isForwarded ? .unicast : .local
      return "\(interface) \(source) to \(destination) tcp \(ports.1), \(name): \(hooks(packet, table))\n"
    }.joined()
  }

  /// The tunnels of the golden policies have names that begin with `wg`.
  private var linkType: LinkType { interface.description.hasPrefix("wg") ? .linkless : .ethernet }

  private func hooks(_ packet: Packet, _ table: KernelTable) -> String {
    let walk = PacketWalk([table])
    let hooks =
      isForwarded
      ? [NFT.hookPrerouting, NFT.hookForward, NFT.hookPostrouting] : [NFT.hookPrerouting, NFT.hookInput]
    var words: [String] = []
    for hook in hooks {
      var packet = packet
      if hook == NFT.hookForward || hook == NFT.hookPostrouting {
        (packet.output, packet.outputType) = (interface, linkType)
      }
      let trace = walk.trace(packet, hooks: [hook])
      words.append("\(NFT.hookNames[Int(hook)]) \(trace.evaluatedRules)")
      if trace.verdict != .accept { return (words + ["\(trace.verdict)"]).joined(separator: ", ") }
    }
    return (words + ["accept"]).joined(separator: ", ")
  }
}
