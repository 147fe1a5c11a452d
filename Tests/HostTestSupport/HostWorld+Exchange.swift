// SPDX-License-Identifier: GPL-3.0-or-later

internal import CTestSupport
internal import Glibc
internal import ImpactAnalysis
internal import NetworkModel
internal import PacketWalk
internal import Ruleset
internal import TestSupport

extension HostWorld {
  /// What became of an exchange.
  enum Outcome: Equatable {
    case works
    /// The packet did not get through.
    case lost
    /// The packet got through, and the reply did not.
    case unanswered
  }

  /// Sends the packet of an exchange and the reply to it, as the host's programs and others send them. `patience` is how
  /// long each of them may take, in microseconds: on a busy machine the kernel may defer a part of the work.
  func outcome(_ exchange: EssentialFlow.Exchange, number: UInt32, patience: UInt32 = 0) -> Outcome {
    _ = ctest_flush_connections()
    _ = witness()
    var packet = exchange.packet
    let id = 0x2000_0000 + number * 16
    // A server's half-open connection must not be found again.
    if packet.transport == .tcp, packet.input != nil { packet.sourcePort = UInt16(20_000 + number % 20_000) }
    if packet.input == nil, packet.destinationType != .broadcast {
      // The kernel chooses the source as for a program that does not.
      guard let source = source(towards: packet.destination, mark: packet.mark) else { return .lost }
      packet.source = source
    }
    let isBridged = exchange.path == .bridged
    send(packet, id: id, isBridged ? .neighbour : Self.link(to: packet))
    usleep(patience)
    let seen = witness()
    // A bridge also gives a broadcast to its other ports, and the host gives itself a copy of what it sends to all.
    let isForAll = [.broadcast, .multicast].contains(packet.destinationType)
    let first = seen.last {
      $0.seen.id == id && $0.seen.flags == packet.tcpFlags
        && (!isForAll || ($0.device == nil) == (packet.input != nil))
    }
    guard let first else { return .lost }
    guard exchange.answer == .reply else { return .works }
    // The kernel answers for a server.
    if first.device == nil, packet.transport == .tcp {
      return isAnswer(seen, to: packet, id: id) ? .works : .unanswered
    }
    guard let from = first.seen.destination, let to = first.seen.source else { return .lost }
    var reply = Packet(
      source: from, destination: to, transport: packet.transport, sourcePort: first.seen.destinationPort,
      destinationPort: first.seen.sourcePort, input: first.device)
    if packet.transport == .tcp { reply.tcpFlags = [.syn, .ack] }
    send(reply, id: id + 1, isBridged ? .back : .host)
    usleep(patience)
    return isAnswer(witness(), to: packet, id: id) ? .works : .unanswered
  }

  private func send(_ packet: Packet, id: UInt32, _ link: Link) {
    let bytes = Wire.bytes(packet, id: id, ident: 0)
    if let input = packet.input {
      inject(bytes, by: input, link)
    } else {
      emit(
        bytes, to: packet.destination, mark: packet.mark,
        by: packet.destinationType == .broadcast ? packet.output : nil)
    }
  }

  /// Whether the opener of a connection saw the answer, from where it sent its packet.
  private func isAnswer(_ sightings: [Sighting], to packet: Packet, id: UInt32) -> Bool {
    sightings.contains { sighting in
      let seen = sighting.seen
      let isReply =
        packet.transport == .tcp
        ? seen.flags == [.syn, .ack] && (seen.id == id + 1 || seen.acknowledged == id + 1) : seen.id == id + 1
      return isReply && (sighting.device == nil) == (packet.input == nil)
        && seen.source == packet.destination && seen.destination == packet.source
        && seen.sourcePort == packet.destinationPort && seen.destinationPort == packet.sourcePort
    }
  }

  /// To whom a packet from outside is sent on its link.
  private static func link(to packet: Packet) -> Link {
    switch packet.destinationType {
    case .broadcast: return .everyone
    case .multicast:
      let bytes = packet.destination.bytes
      // RFC 1112 section 6.4, RFC 2464 section 7.
      return packet.family == .ipv4
        ? .group([0x01, 0x00, 0x5e, bytes[1] & 0x7f, bytes[2], bytes[3]])
        : .group([0x33, 0x33] + bytes[12...])
    default: return .host
    }
  }
}
