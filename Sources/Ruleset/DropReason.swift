// SPDX-License-Identifier: GPL-3.0-or-later

/// The reasons for which wgfence's rulesets drop or refuse packets. Raw values are parts of the names of counters and
/// of chains, which users see; one that ends in `-` is followed by the name of a zone, list, service or sender.
public enum DropReason: String, Sendable, Hashable, CaseIterable {
  /// No grant lets it in from the zone.
  case notGranted = "not-granted-"
  /// No grant forwards it.
  case notForwarded = "not-forwarded"
  /// Its source opened more connections than the grant allows.
  case aboveLimit = "above-limit-"
  /// No grant lets this machine, or its containers, send it: `confine`.
  case confined = "confined-"
  /// Its source belongs to another zone.
  case spoofedSource = "spoofed-source-"
  /// No packet on a network has such a source.
  case impossibleSource = "impossible-source"
  /// No packet on a network has such a destination.
  case impossibleDestination = "impossible-destination"
  /// It has an IPv6 routing header.
  case sourceRoute = "source-route"
  /// It has IPv4 options of more than four bytes: a source route may be among them.
  case ipOptions = "ip-options"
  /// The interface has the name of the tunnel, but is none.
  case linkType = "link-type-"
  /// An ICMP redirect.
  case redirect = "redirect"
  /// A router advertisement from a tunnel or a container.
  case routerAdvertisement = "router-advertisement"
  /// A service between hosts, asked for by a container.
  case hostService = "host-service"
  /// To a tunnel address of this host, from outside the tunnel.
  case tunnelAddress = "tunnel-address"
  /// Its source is not in the prefixes of the zone.
  case zoneSource = "zone-source-"
  /// Its source is in the blocked list.
  case blocked = "blocked-"
  /// In clear text from a machine that must use the tunnel.
  case clearTextIn = "clear-text-in"
  /// In clear text to a machine that must be reached through the tunnel.
  case clearTextOut = "clear-text-out"
  /// It neither belongs to a connection nor begins one.
  case invalid = "invalid"
  /// Another table redirected it to where no grant covers it.
  case unjudged = "unjudged"
  /// The middle of an unknown TCP connection.
  case midstream = "midstream"
  /// Outbound traffic during a lock-down.
  case lockDownOut = "lock-down-out"
  /// Outbound traffic during a panic.
  case panicOut = "panic-out"

  /// Whether a name follows.
  var hasSubject: Bool { rawValue.utf8.last == UInt8(ascii: "-") }
}

/// Why a counter of drops counts a packet: the reason, and the zone, list, service or sender that it is about.
public struct DropCause: Sendable, Hashable {
  /// The reason; nil if a ruleset that another version compiled has a reason that this one does not know.
  public let reason: DropReason?
  /// The name of the zone, list, service or sender, as in the names of chains; empty if the reason has none. Without a reason the
  /// whole name.
  public let subject: String

  /// A cause of a ruleset. `subject` must be empty if the reason has none.
  public init(_ reason: DropReason, _ subject: String = "") {
    self.reason = reason
    self.subject = subject
  }

  /// The cause of this name.
  init(named name: some StringProtocol) {
    reason = DropReason.allCases.first {
      $0.hasSubject ? name.hasPrefix($0.rawValue) : name == $0.rawValue
    }
    subject = String(name.dropFirst(reason?.rawValue.count ?? 0))
  }

  /// Its name, in the names of its counter and chains.
  public var name: String { "\(reason?.rawValue ?? "")\(subject)" }
}
