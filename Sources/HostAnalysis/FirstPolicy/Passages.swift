// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PacketSets
internal import PacketWalk

/// What this host forwards now between the peers of a tunnel, the networks behind them and its own networks, found by
/// walks through every table that the kernel has loaded.
struct Passages {
  /// What is sent from one place to another.
  struct Passage {
    let from: Place
    let to: Place
    let services: [String]
  }

  /// A machine or a network, by its word in the policy.
  struct Place {
    let word: String
    /// The machine that has or routes it: it reaches itself without this host.
    let owner: String
    /// The interface through which its packets arrive, and by which it is reached.
    let interface: InterfaceName
    /// One address of each family.
    let addresses: [IPAddress]
    /// Whether it is a machine, and not a network.
    let isMachine: Bool
  }

  let all: [Passage]
  /// The words of `from` for those in the tunnel whose pings this host answers.
  let pinging: [String]
  /// This host's networks that reach machines in the tunnel that the policy cannot name.
  let unnamed: [String]
  /// Whether the host forwards packets of the tunnel to the internet.
  let reachesInternet: Bool
  /// Whether only some pairs of many peers were walked.
  let isSample: Bool

  /// The limit of walks. Beyond it, four senders stand for all peers.
  private static let mostWalks = 200_000
  /// Ports that stand for all, if rules distinguish more classes of ports than can be walked.
  private static let typicalPorts: [ClosedRange<UInt16>] = [
    1...21, 22...22, 23...1023, 1024...32767, 32768...65535,
  ]
  private static let mostClasses = 400
  private static let mostNetworks = 32

  /// Walks packets of one tunnel. `networks` are the host's own.
  init(in tunnel: TunnelDraft, _ own: String, _ networks: [Place], _ basis: FirstPolicy.Basis) {
    guard let host = basis.host else {
      (all, isSample, pinging, unnamed, reachesInternet) = ([], false, [], [], false)
      return
    }
    let outcomes = PacketOutcomes(host.tables, order: host.order, environment: host.environment, view: nil)
    let peers = Self.places(of: tunnel)
    // Anyone in the tunnel stands for peers that AllowedIPs do not name.
    let anyone = Self.anyone(in: tunnel, basis)
    pinging = Self.pinging(tunnel, peers, anyone, outcomes)
    guard basis.forwarding == .on else {
      (all, isSample, unnamed, reachesInternet) = ([], false, [], false)
      return
    }
    // Only the hub of a tunnel may relay between its peers.
    let behind = tunnel.isHub ? peers : []
    var classes = outcomes.classes.ranges
    if classes.count > Self.mostClasses { classes = Self.typicalPorts }
    // For each pair: TCP and UDP for each class, and a ping, over both families.
    let count = behind.count * (behind.count + networks.count) * (classes.count * 2 + 1) * 2
    isSample = count > Self.mostWalks
    let senders = isSample ? Self.sample(behind) : behind
    let internet = ["9.9.9.9", "2620:fe::fe"].compactMap { IPAddress($0) }
    reachesInternet = (Self.some(peers.filter(\.isMachine)) + (anyone.map { [$0] } ?? [])).contains { place in
      place.addresses.contains { source in
        internet.contains { destination in
          guard destination.family == source.family else { return false }
          let outcome = outcomes.outcome(
            PacketOutcomes.Question(
              input: place.interface, source: source, destination: destination, transport: .tcp, port: 443))
          guard outcome.verdict == .accept, case .output(let output) = outcome.end else { return false }
          return output != tunnel.interface
        }
      }
    }
    var all: [Passage] = []
    for target in networks {
      let sources = (isSample ? Self.sample(peers) : peers) + (anyone.map { [$0] } ?? [])
      for source in sources { all += Self.passage(source, target, outcomes, classes) }
    }
    for target in behind {
      for source in senders + networks where source.owner != target.owner {
        all += Self.passage(source, target, outcomes, classes)
      }
    }
    self.all = all
    unnamed =
      networks.filter { network in
        anyone.map { !Self.passage(network, $0, outcomes, classes).isEmpty } == true && !tunnel.isHub
      }.map(\.word).unique
  }

  /// Who in the tunnel gets answers to its pings: the tunnel, if anyone does.
  private static func pinging(
    _ tunnel: TunnelDraft, _ peers: [Place], _ anyone: Place?, _ outcomes: PacketOutcomes
  ) -> [String] {
    func pings(_ place: Place) -> Bool {
      place.addresses.contains { source in
        tunnel.addresses.contains { own in
          guard own.family == source.family else { return false }
          let outcome = outcomes.outcome(
            PacketOutcomes.Question(
              input: place.interface, source: source, destination: own,
              transport: source.family == .ipv4 ? .icmp : .icmpv6, port: 0))
          return outcome.verdict == .accept && outcome.end == .host
        }
      }
    }
    let isAnyone = anyone.map(pings) == true
    let others = peers.filter { !(isAnyone && $0.isMachine) && pings($0) }.map(\.word)
    return (isAnyone ? [tunnel.name] : []) + others
  }

  /// Four machines, and the networks behind machines, of which there are fewer.
  private static func sample(_ places: [Place]) -> [Place] {
    let (machines, networks) = (places.filter(\.isMachine), places.filter { !$0.isMachine })
    return some(machines) + (networks.count > mostNetworks ? some(networks) : networks)
  }

  private static func some(_ places: [Place]) -> [Place] {
    Set([0, 1, places.count / 2, places.count - 1]).filter { places.indices.contains($0) }.sorted().map {
      places[$0]
    }
  }

  /// The peers that the policy names, and the networks behind them.
  private static func places(of tunnel: TunnelDraft) -> [Place] {
    tunnel.peers.filter { $0.certainty == .known }.flatMap { peer in
      [
        Place(
          word: peer.name, owner: peer.name, interface: tunnel.interface,
          addresses: peer.addresses.flatMap(\.addresses), isMachine: true)
      ]
        + peer.networks.flatMap(\.parts).map { network in
          let isOne = network.length >= network.family.bitWidth - 1
          return Place(
            word: FirstPolicy.quoted(network.description), owner: peer.name, interface: tunnel.interface,
            addresses: [IPAddress(family: network.family, bits: network.last.bits - (isOne ? 0 : 1))],
            isMachine: false)
        }
    }
  }

  private static func anyone(in tunnel: TunnelDraft, _ basis: FirstPolicy.Basis) -> Place? {
    let taken = Set(tunnel.addresses + tunnel.peers.flatMap { $0.addresses.flatMap(\.addresses) })
    let addresses = tunnel.prefixes.compactMap { prefix in
      (1...64).lazy.map { IPAddress(family: prefix.family, bits: prefix.last.bits - $0) }
        .first { prefix.contains($0) && !taken.contains($0) }
    }
    return addresses.isEmpty
      ? nil
      : Place(
        word: tunnel.name, owner: tunnel.name, interface: tunnel.interface, addresses: addresses,
        isMachine: false)
  }

  /// What passes from one place to another in any family; empty if nothing does.
  private static func passage(
    _ from: Place, _ to: Place, _ outcomes: PacketOutcomes, _ classes: [ClosedRange<UInt16>]
  ) -> [Passage] {
    var open: [IPProtocol: [ClosedRange<UInt16>]] = [:]
    var hasPing = false
    for source in from.addresses {
      for destination in to.addresses where destination.family == source.family {
        func passes(_ transport: IPProtocol, _ port: UInt16) -> Bool {
          let outcome = outcomes.outcome(
            PacketOutcomes.Question(
              input: from.interface, source: source, destination: destination, transport: transport,
              port: port))
          return outcome.verdict == .accept && outcome.end == .output(to.interface)
            && outcome.address == nil
        }
        hasPing = passes(source.family == .ipv4 ? .icmp : .icmpv6, 0) || hasPing
        for transport in [IPProtocol.tcp, .udp] {
          for ports in classes where passes(transport, ports.lowerBound) {
            open[transport, default: []].append(ports)
          }
        }
      }
    }
    var services = hasPing ? ["ping"] : []
    for transport in [IPProtocol.tcp, .udp] {
      services += merged(open[transport] ?? []).map {
        $0.count == 1 ? "\($0.lowerBound)/\(transport)" : "\($0.lowerBound)-\($0.upperBound)/\(transport)"
      }
    }
    return services.isEmpty ? [] : [Passage(from: from, to: to, services: services)]
  }

  private static func merged(_ ranges: [ClosedRange<UInt16>]) -> [ClosedRange<UInt16>] {
    var merged: [ClosedRange<UInt16>] = []
    for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
      if let last = merged.last, Int(range.lowerBound) <= Int(last.upperBound) + 1 {
        merged[merged.count - 1] = last.lowerBound...max(last.upperBound, range.upperBound)
      } else {
        merged.append(range)
      }
    }
    return merged
  }
}
