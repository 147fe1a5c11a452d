// SPDX-License-Identifier: GPL-3.0-or-later

/// A connection that conntrack tracks at this moment, as ctnetlink reports it.
/// Source: `enum ctattr_type` of `linux/netfilter/nfnetlink_conntrack.h`.
public struct LiveFlow: Sendable, Hashable {
  /// The transport protocol (`CTA_PROTO_NUM`).
  public var transport: IPProtocol
  /// The packets of the initiator, before any translation (`CTA_TUPLE_ORIG`).
  public var original: FlowTuple
  /// The packets of the responder, before any translation (`CTA_TUPLE_REPLY`). Not the inverse of `original`
  /// if addresses are translated.
  public var reply: FlowTuple
  /// The query of the initiator for ICMP and ICMPv6; nil for other protocols.
  public var query: ICMPQuery?
  /// Its status bits (`CTA_STATUS`).
  public var status: FlowStatus
  /// The conntrack zone (`CTA_ZONE`); 0 if none was set.
  public var zone: UInt16 = 0
  /// The connection's mark (`CTA_MARK`); 0 if none was set.
  public var mark: UInt32 = 0
  /// Its state for TCP (`CTA_PROTOINFO_TCP_STATE`); nil for other protocols.
  public var tcpState: TCPState?
  /// Seconds until the entry expires if no packet arrives (`CTA_TIMEOUT`); nil if the kernel does not report
  /// it.
  public var timeout: UInt32?
  /// What each side sent; nil if the kernel does not count (`net.netfilter.nf_conntrack_acct`, off by
  /// default).
  public var counters: FlowCounters?
  /// When it began, in nanoseconds since 1970 (`CTA_TIMESTAMP_START`); nil if the kernel did not record it
  /// (`net.netfilter.nf_conntrack_timestamp`, off by default, and for connections from before it was turned
  /// on).
  public var start: UInt64?

  /// A flow of these parts; the other members are set afterwards.
  public init(
    transport: IPProtocol, original: FlowTuple, reply: FlowTuple, query: ICMPQuery? = nil,
    status: FlowStatus = [.confirmed, .seenReply, .assured]
  ) {
    self.transport = transport
    self.original = original
    self.reply = reply
    self.query = query
    self.status = status
  }

  /// Its age in whole seconds at a time given in nanoseconds since 1970; nil if its start is not known. A
  /// start in the future (the clock was set back) gives an age of 0.
  public func age(at now: UInt64) -> UInt64? {
    start.map { now > $0 ? (now - $0) / 1_000_000_000 : 0 }
  }

  /// Whether the initiator can be expected to send another packet: false for a connection that was closed, is
  /// being removed, or was never answered.
  public var isAlive: Bool {
    if status.contains(.dying) { return false }
    switch tcpState {
    case .timeWait, .close, .synSent, .synSent2, .unopened: return false
    case .synReceived, .established, .finWait, .closeWait, .lastAck, nil: return true
    }
  }
}

/// What an ICMP or ICMPv6 query asks (RFC 792, RFC 4443).
public struct ICMPQuery: Sendable, Hashable {
  /// The message's type: 8 or 128 for an echo request.
  public var type: UInt8
  /// The message's code.
  public var code: UInt8
  /// The identifier, which distinguishes queries of different senders.
  public var identifier: UInt16

  /// A query of these parts.
  public init(type: UInt8, code: UInt8, identifier: UInt16) {
    self.type = type
    self.code = code
    self.identifier = identifier
  }
}

/// What each side of a connection sent. Bytes count from the network header on.
public struct FlowCounters: Sendable, Hashable {
  /// Packets of the initiator.
  public var originalPackets: UInt64 = 0
  /// Bytes of the initiator.
  public var originalBytes: UInt64 = 0
  /// Packets of the responder.
  public var replyPackets: UInt64 = 0
  /// Bytes of the responder.
  public var replyBytes: UInt64 = 0

  /// Nothing sent.
  public init() {}
}

/// The status of a connection in conntrack, as bits of the kernel. Source: `enum ip_conntrack_status` of
/// `linux/netfilter/nf_conntrack_common.h`.
public struct FlowStatus: OptionSet, Sendable, Hashable {
  /// The bits, as the kernel defines them.
  public let rawValue: UInt32
  /// A set of these bits.
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// `IPS_EXPECTED`: a conntrack helper expected it.
  public static let expected = FlowStatus(rawValue: 1 << 0)
  /// `IPS_SEEN_REPLY`: packets were seen in both directions.
  public static let seenReply = FlowStatus(rawValue: 1 << 1)
  /// `IPS_ASSURED`: it is not removed early when the table is full.
  public static let assured = FlowStatus(rawValue: 1 << 2)
  /// `IPS_CONFIRMED`: its first packet has passed the hooks of the host.
  public static let confirmed = FlowStatus(rawValue: 1 << 3)
  /// `IPS_SRC_NAT`: the source is translated.
  public static let sourceNAT = FlowStatus(rawValue: 1 << 4)
  /// `IPS_DST_NAT`: the destination is translated.
  public static let destinationNAT = FlowStatus(rawValue: 1 << 5)
  /// `IPS_DYING`: it is being removed.
  public static let dying = FlowStatus(rawValue: 1 << 9)
  /// `IPS_OFFLOAD`: a flowtable forwards its packets, which bypass the rules.
  public static let offloaded = FlowStatus(rawValue: 1 << 14)
}

/// The state of a TCP connection in conntrack. Source: `enum tcp_conntrack` of
/// `linux/netfilter/nf_conntrack_tcp.h`.
public enum TCPState: UInt8, Sendable, Hashable, CaseIterable {
  /// `TCP_CONNTRACK_NONE`: no packet seen yet.
  case unopened = 0
  case synSent = 1
  case synReceived = 2
  case established = 3
  case finWait = 4
  case closeWait = 5
  case lastAck = 6
  case timeWait = 7
  case close = 8
  /// Both sides sent a SYN (simultaneous open).
  case synSent2 = 9
}
