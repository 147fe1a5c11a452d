// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PacketSets
internal import PacketWalk
internal import PolicyAnalysis
internal import PolicyLanguage
internal import Ruleset

/// Computes who reaches a socket: walks a packet from each sender of each side to each address of the socket.
///
/// A class because of its cache: ports that no rule distinguishes have the same reaches.
final class ReachJudge {
  let host: AuditedHost
  let ingresses: [Ingress]
  let view: SiteView?
  let outcomes: PacketOutcomes
  let services: ServiceIndex
  private var known: [Shape: [Exposure.Reach]] = [:]
  /// Whether the current result depends on the exact port, and not only on its class.
  var dependsOnPort = false
  let otherWalks: [UInt64: PacketWalk]
  /// The classes of the host's own addresses as destinations; nil if rules may tell any of them apart.
  private let ownAddresses: AddressClasses?
  /// By side, by source of the side.
  private let senders: [[Sender]]
  /// The other namespaces by the addresses of their interfaces, as places in the survey.
  private let owners: [IPAddress: Int]
  private var leading: [Lead: Bool] = [:]

  /// A source of a side, with all ways by which it may send.
  private struct Sender {
    let name: String
    let ways: [Way]
  }

  /// An interface of the host and an address from which packets may arrive there.
  private struct Way {
    let interface: InterfaceName
    let address: IPAddress
    /// The host's own addresses of the family that are evaluated as destinations: one of each class.
    let destinations: [IPAddress]
  }

  /// How an address of another namespace is reached without the host, whatever the host's rules do with a packet that it routes.
  struct Nearness {
    /// The host's parent interface of the macvlan or ipvlan with the address; nil if it is on no such interface.
    let parent: InterfaceName?
    /// The interfaces behind which the address is, by the host's routes.
    let outputs: [InterfaceName]
  }

  private struct Lead: Hashable {
    let output: InterfaceName
    let namespace: UInt64
  }

  /// The key of the cache: sockets with the same shape have the same reaches.
  private struct Shape: Hashable {
    let transport: IPProtocol
    let address: IPAddress
    let isDualStack: Bool
    let boundInterface: InterfaceName?
    let portClass: UInt16
    let namespace: UInt64
    /// Whether it is a socket, not a published port without one.
    let isSocket: Bool
  }

  /// The verdict for a packet, and whether a grant covers it.
  struct Judged {
    let verdict: TraceVerdict
    let because: String
    let reason: String
    let standing: Exposure.Standing
  }

  init(_ host: AuditedHost, _ ingresses: [Ingress], _ view: SiteView?) {
    self.host = host
    self.ingresses = ingresses
    self.view = view
    outcomes = PacketOutcomes(host.tables, order: host.order, environment: host.environment, view: view)
    services = ServiceIndex(view?.policy)
    otherWalks = host.otherTables.mapValues { PacketWalk($0) }
    let classes = AddressClasses(host.tables, .destination)
    let ownAddresses = classes.unread.isEmpty && !classes.dependOnInterface ? classes : nil
    self.ownAddresses = ownAddresses
    senders = ingresses.map { ingress in
      let entrances = ingress.interfaces.map { interface in
        (
          interface.name,
          Dictionary(
            uniqueKeysWithValues: AddressFamily.allCases.map { family in
              let callable = host.survey.host.snapshot.callableAddresses(family, on: interface)
              return (family, Self.classes(of: callable, ownAddresses).compactMap(\.first))
            })
        )
      }
      return ingress.sources.map { source in
        Sender(
          name: source.name,
          ways: entrances.flatMap { interface, destinations in
            source.senders(by: interface).map {
              Way(interface: interface, address: $0, destinations: destinations[$0.family] ?? [])
            }
          })
      }
    }
    var owners: [IPAddress: Int] = [:]
    for (place, other) in host.survey.others.enumerated() {
      for address in other.snapshot.interfaces.flatMap(\.addresses) where owners[address.address] == nil {
        owners[address.address] = place
      }
    }
    self.owners = owners
  }

  /// Own addresses of the host, in classes that no rule distinguishes. The first of each represents it.
  func classes(of addresses: [IPAddress]) -> [[IPAddress]] { Self.classes(of: addresses, ownAddresses) }

  private static func classes(of addresses: [IPAddress], _ ownAddresses: AddressClasses?) -> [[IPAddress]] {
    guard let ownAddresses else { return addresses.map { [$0] } }
    var (order, found) = ([Int](), [Int: [IPAddress]]())
    for address in addresses {
      let number = ownAddresses.number(of: address)
      if found[number] == nil { order.append(number) }
      found[number, default: []].append(address)
    }
    return order.compactMap { found[$0] }
  }

  // MARK: Sockets of the host

  /// The exposure of a socket of the host. `published` is where NAT sends its packets for at least one side.
  func exposure(of listener: Listener, published: PublishedTarget?) -> Exposure {
    let container = published.flatMap(container(at:)) ?? listener.process.flatMap(host.survey.container(of:))
    return Exposure(
      listener: listener, published: published, container: container,
      network: container != nil && published == nil ? "host network" : nil,
      service: services.name(listener.protocol, listener.port), reachable: reaches(listener))
  }

  /// The exposure of a published port that no socket of the host listens on.
  func exposure(of port: PublishedPort) -> Exposure {
    let target = port.target
    let behind = target.address.flatMap { self.listener(at: $0, target.port, port.transport) }
    let listener = Listener(
      protocol: port.transport, address: port.address, port: port.ports.lowerBound, process: behind?.process,
      inode: behind?.inode ?? 0)
    return Exposure(
      listener: listener, published: port.target,
      container: container(at: port.target) ?? behind?.process.flatMap(host.survey.container(of:)),
      service: services.name(listener.protocol, listener.port),
      reachable: reaches(listener, isSocket: false), lastPort: port.ports.upperBound)
  }

  func reaches(_ listener: Listener, isSocket: Bool = true) -> [Exposure.Reach] {
    reaches(listener, in: host.survey.host, isSocket: isSocket) { outcome, question, ingress in
      guard outcome.end == .host, outcome.address == nil, outcome.port == nil else {
        // Where chance decides, the way that lets the most in counts.
        return ([outcome] + outcome.others).map { self.arrived($0, question, ingress) }
          .max { $0.verdict.openness < $1.verdict.openness } ?? self.judged(outcome, ingress)
      }
      // A port that is published for others only.
      guard isSocket else { return self.arrived(outcome, question, ingress) }
      guard self.isTunnelPort(question) else { return self.judged(outcome, ingress) }
      self.dependsOnPort = true
      return Judged(
        verdict: .accept, because: outcome.because, reason: "WireGuard's own port", standing: .unjudged)
    }
  }

  /// The verdict for a packet that was translated: whether a socket listens at its destination.
  func arrived(_ outcome: PacketOutcome, _ question: PacketOutcomes.Question, _ ingress: Ingress)
    -> Judged
  {
    dependsOnPort = true
    let (address, port) = (outcome.address ?? question.destination, outcome.port ?? question.port)
    let place = "\(address) port \(port)"
    if outcome.end == .host {
      guard listens(host.survey.host, address, port, question.transport) else {
        let isTranslated = outcome.address != nil || outcome.port != nil
        return silent(
          isTranslated ? "translated to \(place), where no socket listens" : "the packet is not translated")
      }
      return judged(outcome, ingress)
    }
    guard let other = namespace(with: address) else {
      return judged(outcome, ingress, reason: "forwarded to \(place), which is not on this host")
    }
    if case .output(let output) = outcome.end, !leads(output, to: other) {
      return Judged(
        verdict: .drop, because: "routing",
        reason: "the host sends packets to \(place) out of \(output), which does not lead to \(other.kind)",
        standing: .unjudged)
    }
    guard listens(other, address, port, question.transport) else {
      if isBalanced(other, address, port, question) {
        return inside(other, address, port, question)
          ?? judged(
            outcome, ingress,
            reason: "forwarded to \(place) in \(other.kind), where IPVS gives it to a server")
      }
      return silent("forwarded to \(place) in \(other.kind), where no socket listens")
    }
    return inside(other, address, port, question) ?? judged(outcome, ingress)
  }

  func silent(_ reason: String) -> Judged {
    Judged(verdict: .reject, because: "no socket listens", reason: reason, standing: .unjudged)
  }

  func judged(_ outcome: PacketOutcome, _ ingress: Ingress, reason: String? = nil) -> Judged {
    let standing: Exposure.Standing =
      outcome.verdict != .accept
      ? .unjudged : outcome.isGranted ? .granted : ingress.kind == .tunnel ? .unjudged : .ungranted
    return Judged(
      verdict: outcome.verdict, because: outcome.because, reason: reason ?? outcome.reason,
      standing: standing)
  }

  /// Whether the packet is for WireGuard itself. With a policy, the policy's tunnels decide that.
  private func isTunnelPort(_ question: PacketOutcomes.Question) -> Bool {
    view == nil && question.transport == .udp && host.tunnelPorts.contains(question.port)
  }

  // MARK: Common to both

  private func shape(_ listener: Listener, _ namespace: UInt64, isSocket: Bool) -> Shape {
    Shape(
      transport: listener.protocol, address: listener.address, isDualStack: listener.isDualStack,
      boundInterface: listener.boundInterface, portClass: outcomes.classes.number(of: listener.port),
      namespace: namespace, isSocket: isSocket)
  }

  /// The reaches of a socket from all sides. They are cached if they apply to every port of its class. `arrive` gives
  /// the verdict for packets that the host's rules accept.
  func reaches(
    _ listener: Listener, in place: NamespaceSnapshot, isSocket: Bool = true,
    _ arrive: (PacketOutcome, PacketOutcomes.Question, Ingress) -> Judged
  ) -> [Exposure.Reach] {
    if listener.isLoopbackOnly { return [] }
    let shape = shape(listener, place.identity, isSocket: isSocket)
    if let reaches = known[shape] { return reaches }
    dependsOnPort = false
    let isOther = place.kind != .host
    // What the socket's addresses are does not depend on the side, except for a socket on every address of the host.
    let addresses =
      !listener.isWildcard
      ? [listener.address]
      : isOther ? AddressFamily.allCases.flatMap { place.snapshot.callableAddresses($0, on: nil) } : nil
    let near = Dictionary((isOther ? addresses ?? [] : []).map { ($0, nearness(of: $0, in: place)) }) {
      first, _ in first
    }
    let found = ingresses.indices.flatMap { number in
      let ingress = ingresses[number]
      return side(number, listener, at: addresses, isOther ? nil : listener.boundInterface) { question in
        if let near = near[question.destination],
          let passed = self.passed(question, to: place, near, ingress)
        {
          return passed
        }
        let outcome = self.outcomes.outcome(question)
        return outcome.verdict == .accept
          ? arrive(outcome, question, ingress) : self.judged(outcome, ingress)
      }
    }
    if !dependsOnPort { known[shape] = found }
    return found
  }

  /// The reaches of one side: for each sender the most permissive verdict of all its addresses and interfaces. Nil for
  /// `addresses` stands for those of the host, which depend on the interface. A socket that is bound to an interface of the host
  /// is reached by that one only.
  private func side(
    _ number: Int, _ listener: Listener, at addresses: [IPAddress]?, _ bound: InterfaceName?,
    _ judge: (PacketOutcomes.Question) -> Judged
  ) -> [Exposure.Reach] {
    var reaches: [Exposure.Reach] = []
    var senders: [[String]] = []
    for source in self.senders[number] {
      var most: Judged?
      search: for way in source.ways where listener.serves(way.address.family) {
        guard bound == nil || bound == way.interface else { continue }
        for destination in addresses ?? way.destinations where destination.family == way.address.family {
          let question = PacketOutcomes.Question(
            input: way.interface, source: way.address, destination: destination,
            transport: listener.protocol,
            port: listener.port)
          let judged = judge(question)
          if judged.verdict.openness > (most?.verdict.openness ?? -1) { most = judged }
          if most?.verdict == .accept { break search }
        }
      }
      guard let most else { continue }
      let same = reaches.lastIndex {
        $0.verdict == most.verdict && $0.because == most.because && $0.standing == most.standing
      }
      if let same {
        senders[same].append(source.name)
      } else {
        senders.append([source.name])
      }
      // The reason of the last sender is reported for all.
      let reach = Exposure.Reach(
        zone: ingresses[number].name, from: [], verdict: most.verdict, because: most.because,
        reason: most.reason,
        standing: most.standing)
      if let same { reaches[same] = reach } else { reaches.append(reach) }
    }
    return zip(reaches, senders).map { reach, from in
      Exposure.Reach(
        zone: reach.zone, from: from, verdict: reach.verdict, because: reach.because, reason: reach.reason,
        standing: reach.standing)
    }
  }

  func leads(_ output: InterfaceName, to other: NamespaceSnapshot) -> Bool {
    let lead = Lead(output: output, namespace: other.identity)
    if let known = leading[lead] { return known }
    let leads = host.survey.leads(output, to: other)
    leading[lead] = leads
    return leads
  }

  /// The other namespace of the host that has an address; nil if none has it.
  func namespace(with address: IPAddress) -> NamespaceSnapshot? {
    owners[address].map { host.survey.others[$0] }
  }

  func container(at target: PublishedTarget) -> ContainerIdentity? {
    if case .container(let container)? = target.place { return container }
    return nil
  }

  func listener(at address: IPAddress, _ port: UInt16, _ transport: IPProtocol) -> Listener? {
    namespace(with: address)?.snapshot.listeners.first { $0.answers(address, port, transport) }
  }

  func listens(
    _ namespace: NamespaceSnapshot, _ address: IPAddress, _ port: UInt16, _ transport: IPProtocol
  ) -> Bool {
    namespace.snapshot.listeners.contains { $0.answers(address, port, transport) }
  }
}
