// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PolicyLanguage
internal import Ruleset

/// A grant in one zone of the machine: the ports that it opens there, and the sources that it lets in.
struct GrantEntry: Hashable {
  /// The counter and origin that all entries of a grant share.
  let counter: String
  let origin: Origin
  package let services: [Service]
  package var sources: Sources
  /// Identifies the entry: entries with the same number are the same.
  package var number = 0
  /// What a packet must match in addition to the port.
  var condition: Condition = .none
  /// How many new connections a source may open by the grant.
  var limit: ConnectionLimit?
  /// Whether it is built in, the same for every zone.
  var isEverywhere = false

  /// The sources that it lets in.
  enum Sources: Hashable {
    case anyone
    case addresses([IPAddress])
    case prefixes([Prefix])
    case list(String)
    /// Every address that is not in these prefixes.
    case outside([Prefix])
  }

  /// Conditions of built-in entries beyond a port.
  enum Condition: Hashable {
    case none
    /// From UDP port 67.
    case dhcp
    /// From UDP port 547 of a link-local address.
    case dhcpv6
  }
}

/// A destination beyond this machine that a grant opens.
struct TransitDestination: Hashable {
  /// As part of a chain's name.
  let label: String
  let prefixes: [Prefix]
  /// Whether the destination is every address that is not in the prefixes.
  var isOutside = false
  /// The families of the packets: those that some source has.
  var families = Set(AddressFamily.allCases)
  /// Through which interfaces its packets must leave.
  let exit: Exit

  enum Exit: Hashable {
    case interfaces([InterfacePattern])
    /// Any interface that is not a tunnel: the policy does not say which.
    case anyNetwork
    /// The interfaces of `internet`, also those that it shares with a zone with prefixes.
    case internet
  }
}

extension GrantEntry.Sources {
  /// The families that a source may have.
  var families: Set<AddressFamily> {
    switch self {
    case .anyone, .list, .outside: Set(AddressFamily.allCases)
    case .addresses(let addresses): Set(addresses.map(\.family))
    case .prefixes(let prefixes): Set(prefixes.map(\.family))
    }
  }
}
