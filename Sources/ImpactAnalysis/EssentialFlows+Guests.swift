// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PacketWalk
internal import Ruleset

extension EssentialFlows {
  /// The containers and virtual machines on each bridge that only serves guests.
  var guests: [EssentialFlow] {
    facts.host.interfaces.filter { bridge in
      bridge.kind == "bridge" && bridge.state == .up && !facts.sharedBridges.contains(bridge.name)
        && ports(of: bridge) > 0
    }.sorted { $0.name < $1.name }.compactMap { bridge in
      let exchanges = bridge.addresses.filter { !$0.address.isLinkLocal }.flatMap {
        self.exchanges(of: $0, on: bridge)
      }
      if exchanges.isEmpty { return nil }
      return EssentialFlow(
        kind: .guests, subject: bridge.name.description,
        loss:
          "the guests (containers or virtual machines) on \(bridge.name) would lose part of their network",
        exchanges: exchanges)
    }
  }

  private func exchanges(of own: InterfaceAddress, on bridge: NetworkInterface) -> [EssentialFlow.Exchange] {
    let guests = own.network.hosts(except: [own.address])
    guard let guest = guests.first else { return [] }
    var found: [EssentialFlow.Exchange] = []
    for far in Self.farAway where far.family == guest.family {
      let route = environment.route(RouteQuestion(destination: far, source: guest, input: bridge.name))
      guard let output = route.outputs.first, output != bridge.name else { continue }
      let packet = Packet(
        source: guest, destination: far, transport: .tcp, destinationPort: 443, input: bridge.name,
        destinationType: .unicast)
      found.append(
        EssentialFlow.Exchange(
          packet: packet, answer: .reply,
          words: "guests (\(guest)) to 443/tcp in the internet (\(far))"))
    }
    if facts.bridgedFrames == .meetRules, guests.count > 1, ports(of: bridge) > 1 {
      let packet = Packet(
        source: guest, destination: guests[1], transport: .tcp, destinationPort: 443, input: bridge.name,
        destinationType: .unicast)
      found.append(
        EssentialFlow.Exchange(
          packet: packet, answer: .reply, path: .bridged,
          words: "guests to each other (\(guest) to \(guests[1]))"))
    }
    for (port, word) in [(UInt16(53), "DNS"), (67, "DHCP")] where own.address.family == .ipv4 || port == 53 {
      guard facts.host.listeners.contains(where: { serves($0, port, own.address, bridge.name) }) else {
        continue
      }
      let what =
        "guests to the \(word) server here (\(own.address) port \(port)/udp)"
      let source = port == 67 ? IPAddress(family: .ipv4, bits: 0) : guest
      let destination = port == 67 ? IPAddress(family: .ipv4, bits: 0xffff_ffff) : own.address
      let packet = Packet(
        source: source, destination: destination, transport: .udp, sourcePort: port == 67 ? 68 : 40_000,
        destinationPort: port, input: bridge.name, destinationType: port == 67 ? .broadcast : .local)
      found.append(
        EssentialFlow.Exchange(packet: packet, answer: port == 67 ? .none : .reply, words: what))
    }
    return found
  }

  private func serves(_ listener: Listener, _ port: UInt16, _ address: IPAddress, _ bridge: InterfaceName)
    -> Bool
  {
    listener.protocol == .udp && listener.port == port && !listener.isLoopbackOnly
      && (listener.boundInterface.map { $0 == bridge } ?? true)
      && (listener.address == address || (listener.isWildcard && listener.serves(address.family)))
  }
}
