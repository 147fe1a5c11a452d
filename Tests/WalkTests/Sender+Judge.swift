// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel
import PacketWalk
import TestSupport
import Ruleset

/// Compares what the kernel did with the walk's result.
extension Sender {
  /// The difference, as text; nil if the kernel did what the walk predicted.
  func judge(_ trace: Trace, _ packet: Packet, _ id: UInt32, _ sightings: [World.Sighting]) -> String? {
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
      } else if seen.id == id {
        arrivals.append(sighting)
      }
    }
    switch trace.verdict {
    case .undetermined: return nil
    case .accept:
      guard let last = trace.packet, let arrival = arrivals.last else {
        return "walk: passes; kernel: nothing arrived"
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
