// SPDX-License-Identifier: GPL-3.0-or-later

package import NetworkModel

/// Warnings about probable mistakes in a policy without errors.
extension PolicyDecoder {
  /// Warns about what is valid but probably a mistake.
  mutating func warn(about policy: Policy) {
    warnOfUnused(policy)
    warnOfClosedTwins(policy)
    warnOfBlockedEndpoints(policy)
    warnOfSharedEndpoints(policy)
    warnOfClosedTranslations(policy)
    warnOfConfinedWithoutNames(policy)
    warnOfEndpointsOfOneFamily(policy)
    for (key, grants) in [("allow", policy.grants), ("failsafe", policy.failsafe)] {
      let marks = lineMarks[key] ?? []
      for (index, by) in CoveredGrants.find(in: grants, of: policy) {
        log.warning(
          marks[index], "another grant covers this one",
          help: "line \(marks[by].line) covers it completely: remove this one")
      }
    }
    for (index, test) in policy.tests.enumerated() {
      guard let mark = lineMarks["tests"]?[index] else { continue }
      if test.allow.isEmpty, test.deny.isEmpty {
        log.warning(
          mark, "this test names no service: it cannot fail", help: "name services in 'allow' or 'deny'")
      } else if case .machine(let name)? = test.from.first, test.from.count == 1, test.over == nil,
        test.to.allSatisfy({ $0 == .machine(name) })
      {
        log.warning(
          mark, "packets from '\(name)' to itself are never filtered: the policy cannot affect this test",
          help: "name another machine, or set 'over'")
      }
    }
  }

  /// The mark of a name at a location.
  func mark(_ location: SourceLocation, _ name: String) -> Mark {
    Mark(line: location.line, column: location.column, length: name.unicodeScalars.count)
  }

  private mutating func warnOfUnused(_ policy: Policy) {
    for machine in policy.machines where !used.contains(machine.name) {
      log.warning(
        mark(machine.location, machine.name), "no line names the machine '\(machine.name)'",
        help: "no other machine reaches it, and it reaches no other machine")
    }
    for group in policy.groups where !used.contains(group.name) {
      log.warning(
        mark(group.location, group.name), "no line names the group '\(group.name)'",
        help: "remove it, or use it in a line")
    }
    for list in policy.lists where !used.contains(list.name) {
      log.warning(
        mark(list.location, list.name), "no line names the list '\(list.name)'",
        help: "remove it, or use it in 'block' or in a 'from'")
    }
    for (name, entry) in serviceDefinitions where !usedServices.contains(name) {
      log.warning(
        entry.key.mark, "no line names the service '\(name)'", help: "remove it, or use it in a line")
    }
  }

  /// Warns about a machine that is let in over IPv4 only, although the tunnel also has IPv6.
  private mutating func warnOfClosedTwins(_ policy: Policy) {
    var suspects: [String: (tunnel: Tunnel, machine: Machine)] = [:]
    for machine in policy.machines {
      for own in machine.addresses where own.addresses.allSatisfy({ $0.family == .ipv4 }) {
        guard suspects[machine.name] == nil, let tunnel = policy.tunnel(named: own.tunnel.description),
          tunnel.prefixes.contains(where: { $0.family == .ipv6 })
        else { continue }
        suspects[machine.name] = (tunnel, machine)
      }
    }
    guard !suspects.isEmpty else { return }
    for grant in policy.grants + policy.failsafe {
      for case .machine(let name) in grant.from {
        guard let (tunnel, machine) = suspects[name],
          grant.to.contains(where: { target in
            target.machine != name
              && policy.machine(named: target.machine)?.addresses(in: tunnel.name).isEmpty == false
          })
        else { continue }
        suspects[name] = nil
        let prefix = tunnel.prefixes.first { $0.family == .ipv6 }
        log.warning(
          mark(machine.location, name),
          "'\(name)' has no IPv6 address in \(tunnel.name): its grants are for IPv4 only",
          help: prefix.map { "add an address in \($0)" })
      }
      if suspects.isEmpty { return }
    }
  }

  /// Warns about a machine of `encrypt` whose endpoint has addresses of one family only: traffic to an
  /// address of the other family is not covered.
  private mutating func warnOfEndpointsOfOneFamily(_ policy: Policy) {
    let encrypted = Set(policy.encryptions.flatMap(\.machines))
    for machine in policy.machines where encrypted.contains(machine.name) {
      guard case .addresses(let addresses) = machine.endpoint, Set(addresses.map(\.family)).count == 1,
        let family = addresses.first?.family
      else { continue }
      let (named, other) = family == .ipv4 ? ("IPv4", "IPv6") : ("IPv6", "IPv4")
      log.warning(
        mark(machine.location, machine.name),
        "the endpoint of '\(machine.name)' is \(named) only: "
          + "'encrypt' does not stop clear text to its \(other) addresses",
        help: "add its \(other) address to 'endpoint', if it has one")
    }
  }

  /// Warns about lines of `encrypt` that close an address for other hosts too, and about `shared` that closes nothing.
  private mutating func warnOfSharedEndpoints(_ policy: Policy) {
    for line in policy.encryptions {
      for name in line.machines {
        guard case .addresses(let addresses) = policy.machine(named: name)?.endpoint else { continue }
        if line.shared.contains(name) {
          guard policy.portsInTunnels(of: name).isEmpty else { continue }
          log.warning(
            mark(line.location, name),
            "'shared' names '\(name)', and no line grants anything to it in a tunnel: nothing is closed at its address",
            help: "remove '\(name)' from 'shared', or grant what is reached on it")
        } else if let other = policy.machines.first(where: { other in
          guard other.name != name, case .addresses(let own) = other.endpoint else { return false }
          return addresses.contains { own.contains($0) }
        }) {
          log.warning(
            mark(line.location, name),
            "'\(name)' and '\(other.name)' have the same public address: 'encrypt' cuts off everyone who uses it",
            help:
              "add 'shared: [\(name)]': then only the ports that are granted to it in the tunnel are closed there"
          )
        }
      }
    }
  }

  /// Warns about a blocked list that contains an endpoint: the tunnel's own packets would be dropped.
  private mutating func warnOfBlockedEndpoints(_ policy: Policy) {
    for reference in policy.block {
      guard let list = policy.list(named: reference.name) else { continue }
      for machine in policy.machines {
        guard case .addresses(let addresses) = machine.endpoint,
          let address = addresses.first(where: { list.holds($0) })
        else { continue }
        log.warning(
          mark(reference.location, reference.name),
          "the list '\(list.name)' contains \(address), the endpoint of '\(machine.name)'",
          help: "packets of its tunnel would be dropped: remove the address from the list")
      }
    }
  }
}

extension PrefixList {
  /// Whether an address is in one of the prefixes.
  package func holds(_ address: IPAddress) -> Bool {
    var low = 0
    var high = prefixes.count
    while low < high {
      let middle = (low + high) / 2
      if prefixes[middle].address <= address { low = middle + 1 } else { high = middle }
    }
    return low > 0 && prefixes[low - 1].contains(Prefix(address))
  }
}
