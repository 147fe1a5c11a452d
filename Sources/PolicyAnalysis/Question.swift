// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
public import PolicyLanguage

/// Packets that a person wants explained, in the policy's names: from whom, to which machine, for which
/// service.
public struct Question: Sendable {
  /// The sources; several if a group is named.
  public let sources: [GrantSource]
  /// The target.
  public let target: GrantTarget
  /// The service.
  public let service: Service
  /// The zone or tunnel from which the packets arrive; nil for the default of each source.
  public let over: String?

  /// Whether a machine itself is both source and target: such packets are never filtered.
  public var isToItself: Bool { target == .machine(target.machine) && sources == [.machine(target.machine)] }

  /// Creates a question from its parts.
  package init(sources: [GrantSource], target: GrantTarget, service: Service, over: String? = nil) {
    self.sources = sources
    self.target = target
    self.service = service
    self.over = over
  }

  /// Parses the words of a question about a machine of a policy. `destination` is a zone of the machine, another machine,
  /// or a prefix; nil for the machine itself.
  public init(
    _ policy: Policy, machine: Machine, from: String, to: String, destination: String?, over: String?
  ) throws(QuestionError) {
    sources = try Self.sources(from, policy, machine)
    service = try Self.service(to, policy)
    if let destination {
      if destination == Zone.internet || machine.zone(named: destination) != nil {
        target = .zone(machine: machine.name, zone: destination)
      } else if let prefix = Prefix(destination) ?? Self.address(of: destination, from: machine, policy) {
        target = .subnet(machine: machine.name, prefix: prefix)
      } else {
        throw QuestionError(
          destination, "is neither a zone of \(machine.name) nor another machine nor an address",
          known: machine.zones.map(\.name) + [Zone.internet])
      }
    } else {
      target = .machine(machine.name)
    }
    if let over, policy.tunnel(named: over) == nil, over != Zone.internet, machine.zone(named: over) == nil {
      throw QuestionError(
        over, "is neither a tunnel of the policy nor a zone of \(machine.name)",
        known: policy.tunnels.map(\.name.description) + machine.zones.map(\.name) + [Zone.internet])
    }
    self.over = over
  }

  /// The address of another machine in the first tunnel that it shares with this one.
  private static func address(of name: String, from machine: Machine, _ policy: Policy) -> Prefix? {
    guard let other = policy.machine(named: name), name != machine.name else { return nil }
    return other.addresses.first { !machine.addresses(in: $0.tunnel).isEmpty }?.addresses.first.map {
      Prefix($0)
    }
  }

  private static func sources(_ word: String, _ policy: Policy, _ machine: Machine) throws(QuestionError)
    -> [GrantSource]
  {
    if policy.machine(named: word) != nil { return [.machine(word)] }
    if let group = policy.groups.first(where: { $0.name == word }) {
      return group.machines.map { .machine($0) }
    }
    if let tunnel = policy.tunnel(named: word) { return [.tunnel(tunnel.name)] }
    if word == Zone.internet || machine.zone(named: word) != nil { return [.zone(word)] }
    if policy.list(named: word) != nil { return [.list(word)] }
    if word == "anywhere" { return [.anywhere] }
    if let dot = word.firstIndex(of: "."), let router = policy.machine(named: String(word[..<dot])) {
      let zone = String(word[word.index(after: dot)...])
      if zone == Zone.internet || router.zone(named: zone) != nil {
        return [.machineZone(machine: router.name, zone: zone)]
      }
    }
    if let prefix = Prefix(word) {
      // A tunnel address in the policy stands for the machine that owns it.
      for owner in policy.machines
      where owner.name != machine.name
        && owner.addresses.contains(where: { $0.addresses.contains { Prefix($0) == prefix } })
      {
        return [.machine(owner.name)]
      }
      return [.prefix(prefix)]
    }
    throw QuestionError(
      word, "is not a machine, group, zone, tunnel or list of the policy, and not an address",
      known: policy.machines.map(\.name) + policy.groups.map(\.name) + [Zone.internet]
        + machine.zones.map(\.name) + policy.tunnels.map(\.name.description) + policy.lists.map(\.name))
  }

  private static func service(_ word: String, _ policy: Policy) throws(QuestionError) -> Service {
    if let own = policy.services.first(where: { $0.name == word }) { return own }
    if let known = ServiceCatalogue.service(named: word) { return known }
    if let written = Service(written: word) { return written }
    throw QuestionError(
      word, "is not a service, and not written as PORT/tcp, PORT/udp or PORT/sctp",
      known: policy.services.map(\.name) + ServiceCatalogue.services.map(\.name))
  }
}

/// A word of a question that the policy does not define.
public struct QuestionError: Error, Sendable, CustomStringConvertible {
  /// What is wrong, and the most similar name that exists.
  public let description: String

  init(_ word: String, _ message: String, known: [String]) {
    let nearest = Suggestion.nearest(to: word, among: known)
    description = "'\(word)' \(message)" + (nearest.map { ": did you mean '\($0)'?" } ?? "")
  }
}
