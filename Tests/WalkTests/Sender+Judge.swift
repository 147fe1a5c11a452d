// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel
import PacketWalk
import TestSupport
import Ruleset

/// Compares what the kernel did with the walk's result.
extension Sender {
  /// The difference, as text; nil if the kernel did what the walk predicted.
  func judge(_ trace: Trace, _ packet: Packet, _ id: UInt32, _ sightings: [World.Sighting]) -> String? {
    let (arrivals, isRefused) = sort(sightings, packet, id)
    switch trace.verdict {
    case .undetermined: return nil
    case .accept:
      guard let last = trace.packet, let arrival = arrivals.last else {
        return "walk: passes; kernel: nothing arrived"
      }
      // What chance decides, the walk does not predict.
      if trace.others.contains(where: { other in
        other.packet.map { compare(arrival, with: $0, other) == nil } ?? false
      }) {
        return nil
      }
      return compare(arrival, with: last, trace)
    case .reject, .drop:
      if let arrival = arrivals.first { return "walk: \(trace.verdict); kernel: arrived \(arrival)" }
      if trace.verdict == .drop, isRefused {
        if case .unroutable? = trace.steps.last?.outcome { return nil }
        return "walk: drop; kernel: refused"
      }
      return nil
    }
  }

  /// The ways of an accepted packet that end where it was seen.
  func ways(_ trace: Trace, _ packet: Packet, _ id: UInt32, _ sightings: [World.Sighting]) -> [Trace] {
    guard let arrival = sort(sightings, packet, id).arrivals.last else { return [] }
    return ([trace] + trace.others).filter { way in
      way.packet.map { compare(arrival, with: $0, way) == nil } ?? false
    }
  }

  /// Where the packet was seen, and whether its sender got an answer that refuses it.
  private func sort(_ sightings: [World.Sighting], _ packet: Packet, _ id: UInt32) -> (
    arrivals: [World.Sighting], isRefused: Bool
  ) {
    var arrivals: [World.Sighting] = []
    var isRefused = false
    for sighting in sightings {
      let seen =
        switch sighting {
        case .left(_, let seen), .delivered(let seen): seen
        }
      if seen.about == id {
        isRefused = true
      } else if seen.transport == .tcp, seen.flags.contains(.rst), packet.tcpFlags != seen.flags {
        if seen.id == id || seen.acknowledged == id || seen.acknowledged == id &+ 1 { isRefused = true }
      } else if seen.id == id, seen.icmpType == nil || seen.icmpType == packet.icmpType {
        // The kernel's answer to a timestamp request has the same number.
        arrivals.append(sighting)
      }
    }
    return (arrivals, isRefused)
  }

  private func compare(_ arrival: World.Sighting, with last: Packet, _ trace: Trace) -> String? {
    let seen: Wire.Seen
    switch arrival {
    case .left(let name, let wire):
      guard let output = last.output?.description,
        (world.below[output] ?? output) == name || trace.nextHops.map(\.description).contains(name)
      else {
        return "walk: to \(last.output?.description ?? "the host"); kernel: left by \(name)"
      }
      seen = wire
    case .delivered(let wire):
      guard last.output == nil else {
        return "walk: out by \(last.output?.description ?? ""); kernel: delivered"
      }
      seen = wire
    }
    let vague = Self.isVague(trace)
    if let destination = seen.destination, destination != last.destination {
      return "walk: to \(last.destination); kernel: to \(destination)"
    }
    if let source = seen.source, source != last.source, !vague {
      return "walk: from \(last.source); kernel: from \(source)"
    }
    guard last.transport.hasPorts else { return nil }
    if seen.destinationPort != last.destinationPort {
      return "walk: port \(last.destinationPort); kernel: port \(seen.destinationPort)"
    }
    if seen.sourcePort != last.sourcePort, !vague {
      return "walk: source port \(last.sourcePort); kernel: source port \(seen.sourcePort)"
    }
    return nil
  }
}
