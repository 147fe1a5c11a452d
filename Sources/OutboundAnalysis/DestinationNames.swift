// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PacketSets
internal import PolicyAnalysis
internal import PolicyLanguage

/// The policy's names for the destinations of what a machine and its guests send.
struct DestinationNames {
  /// A name of destinations.
  struct Named: Hashable {
    let text: String
    /// Whether it stands for addresses of both families.
    let isCommon: Bool
  }

  /// A name, and the addresses for which it stands.
  private struct Known {
    let name: Named
    let addresses: IntervalSet
    let need: Need

    /// How many of its addresses must be destinations.
    enum Need { case all, some }
  }

  private let known: [AddressFamily: [Known]]

  /// More prefixes than these are not listed.
  private static let mostPrefixes = 6

  /// The names of a policy, as seen from one of its machines; without a policy only prefixes.
  init(_ view: SiteView?) {
    let found = AddressFamily.allCases.map { family in view.map { Self.known($0, family) } ?? [] }
    let common = Set(found[0].map(\.name)).intersection(found[1].map(\.name))
    let known = found.map { names in
      names.map { one in
        let isCommon = one.name.isCommon && common.contains(one.name)
        return Known(
          name: Named(text: one.name.text, isCommon: isCommon), addresses: one.addresses, need: one.need)
      }
    }
    self.known = Dictionary(uniqueKeysWithValues: zip(AddressFamily.allCases, known))
  }

  private static func known(_ view: SiteView, _ family: AddressFamily) -> [Known] {
    let (policy, machine) = (view.policy, view.machine)
    func known(_ text: String, _ prefixes: [Prefix], _ need: Known.Need = .all, isCommon: Bool = true)
      -> Known
    {
      Known(
        name: Named(text: text, isCommon: isCommon), addresses: PacketSpace.addresses(prefixes, family),
        need: need)
    }
    let others = policy.machines.filter { $0.name != machine.name }
    var result = policy.tunnels.filter { !machine.addresses(in: $0.name).isEmpty }.map {
      known("\($0.name)", $0.prefixes)
    }
    result += others.map { known($0.name, $0.addresses.flatMap(\.addresses).map { Prefix($0) }, .some) }
    for other in others {
      result += other.zones.map { known("\(other.name).\($0.name)", $0.prefixes) }
      result += other.subnets.map { known($0.description, [$0], isCommon: false) }
    }
    result += machine.zones.map { known($0.name, $0.prefixes) }
    result.append(known(Zone.internet, policy.hosts(of: Zone.internet, on: machine)))
    var written = (policy.grants + policy.failsafe).flatMap(\.to).compactMap { target -> Prefix? in
      if case .subnet(_, let prefix) = target { prefix } else { nil }
    }
    written += policy.confinements.filter { $0.machine == machine.name }.flatMap { $0.destinations ?? [] }
    result += written.unique.map { known($0.description, [$0], isCommon: false) }
    result += others.flatMap { other in
      let live = (view.live.addresses[other.name] ?? []).map { Prefix($0) }
      return (other.endpoint.prefixes + live).map {
        known("\($0.address) (\(other.name))", [$0], isCommon: false)
      }
    }
    return result.filter { !$0.addresses.isEmpty }
  }

  /// Names for destinations. `holes` are addresses to which nothing is sent: a name may stand for them, too.
  func names(_ addresses: IntervalSet, _ family: AddressFamily, holes: IntervalSet) -> [Named] {
    let all = SentPackets.destinations(family).subtracting(holes)
    if addresses.isSuperset(of: all) { return [Named(text: "everywhere", isCommon: true)] }
    var rest = addresses
    var names: [Named] = []
    for one in known[family] ?? [] {
      let own = one.addresses.subtracting(holes)
      if own.isEmpty || rest.isDisjoint(with: own) { continue }
      if one.need == .some || rest.isSuperset(of: own) {
        names.append(one.name)
        rest = rest.subtracting(own)
      } else if one.name.text == Zone.internet {
        // Nearly all of it.
        let missing = own.subtracting(rest)
        guard Self.size(missing) < Self.size(own) / 16 else { continue }
        names.append(Named(text: "\(Zone.internet)\(except(missing, family, holes))", isCommon: true))
        rest = rest.subtracting(own)
      }
    }
    if rest.isEmpty { return names }
    let prefixes = ReachNames.prefixes(Self.filled(rest, holes), family)
    if prefixes.count > Self.mostPrefixes || prefixes.contains(where: { $0.length < 4 }) {
      return names + [Named(text: "anywhere else", isCommon: true)]
    }
    return names + prefixes.map { Named(text: $0.description, isCommon: false) }
  }

  /// The addresses with the holes that are between two of them, such as the host's own address in a network.
  private static func filled(_ addresses: IntervalSet, _ holes: IntervalSet) -> IntervalSet {
    let inside = holes.intervals.filter { hole in
      hole.lower > 0 && hole.upper < .max && addresses.contains(hole.lower - 1)
        && addresses.contains(hole.upper + 1)
    }
    return addresses.union(IntervalSet(ranges: inside.map { ($0.lower, $0.upper) }))
  }

  private func except(_ missing: IntervalSet, _ family: AddressFamily, _ holes: IntervalSet) -> String {
    let names = names(missing, family, holes: holes)
    return names.count > 2
      ? " except \(names.count) networks" : " except \(names.map(\.text).joined(separator: ", "))"
  }

  static func size(_ addresses: IntervalSet) -> UInt128 {
    // The whole space of a family would need one bit more.
    addresses.intervals.reduce(0) { $0 + ($1.upper - $1.lower) }
  }
}
