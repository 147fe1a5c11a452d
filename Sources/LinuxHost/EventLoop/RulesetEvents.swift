// SPDX-License-Identifier: GPL-3.0-or-later

internal import CSys
public import Netlink
internal import Ruleset

/// Reports every change of the nftables ruleset in a network namespace: the multicast group
/// `NFNLGRP_NFTABLES`.
public struct RulesetEvents: ~Copyable {
  private let subscription: NetlinkSubscription
  private let table: [UInt8]
  private var buffer = [UInt8](repeating: 0, count: 128 << 10)
  private var isTableTouched = false

  /// A change: one committed transaction.
  public struct Change: Sendable, Hashable {
    /// The ruleset's generation after the change.
    public let generation: UInt32
    /// Whether it changed the watched table.
    public let touchesTable: Bool
    /// The process that made the change, if the kernel reports it.
    public let author: Author?

    /// Creates a change from its parts.
    public init(generation: UInt32, touchesTable: Bool, author: Author?) {
      self.generation = generation
      self.touchesTable = touchesTable
      self.author = author
    }
  }

  /// The process that committed a change: `NFTA_GEN_PROC_PID`, `NFTA_GEN_PROC_NAME`.
  public struct Author: Sendable, Hashable, CustomStringConvertible {
    /// Its process id in the initial pid namespace.
    public let pid: UInt32
    /// The first 15 bytes of its program's name.
    public let name: String

    /// Creates an author.
    public init(pid: UInt32, name: String) {
      self.pid = pid
      self.name = name
    }

    /// `nft[812]`
    public var description: String { "\(name)[\(pid)]" }
  }

  /// The changes since the last read.
  public struct News: Sendable {
    /// The changes, in their order.
    public var changes: [Change] = []
    /// Whether events were lost: then everything may have changed.
    public var isLossy = false
  }

  /// The size of the receive buffer in bytes: enough for the events of a transaction that creates a whole
  /// ruleset.
  private static let receiveBuffer: Int32 = 2 << 20

  /// Listens in the network namespace of the calling thread for changes of a table of family inet. Needs
  /// `CAP_NET_ADMIN`.
  public init(table: String) throws(SystemError) {
    self.table = Array(table.utf8)
    subscription = try NetlinkSubscription(
      family: Int32(CSYS_NETLINK_NETFILTER), groups: [Int32(CSYS_NFNLGRP_NFTABLES)],
      receiveBuffer: Self.receiveBuffer, attempt: "listening for changes of the ruleset")
  }

  /// The descriptor to wait on.
  public var descriptor: Int32 { subscription.descriptor }

  /// Reads all pending events without waiting.
  public mutating func read() throws(SystemError) -> News {
    var news = News()
    while true {
      switch try subscription.receive(into: &buffer) {
      case .nothing: return news
      case .lost:
        news.isLossy = true
        isTableTouched = false
      case .datagram(let count): take(buffer[..<count], &news)
      }
    }
  }

  /// Reads the messages of one datagram. `NFT_MSG_NEWGEN` is the last message of a transaction.
  private mutating func take(_ datagram: ArraySlice<UInt8>, _ news: inout News) {
    var rest = datagram
    while let length = rest.number(UInt32.self, at: 0), let type = rest.number(UInt16.self, at: 4),
      length >= 20, Int(length) <= rest.count
    {
      let message = rest.prefix(Int(length)).dropFirst(16)
      rest = rest.dropFirst((Int(length) + 3) & ~3)
      guard type >> 8 == Self.subsystem else { continue }
      let attributes = AttributeReader(message.dropFirst(4))
      if type & 0xff == Self.newGeneration {
        var (generation, pid, name): (UInt32?, UInt32?, String?) = (nil, nil, nil)
        for (type, value) in attributes {
          switch type {
          case Int(CSYS_NFTA_GEN_ID): generation = value.networkNumber(UInt32.self, at: 0)
          case Int(CSYS_NFTA_GEN_PROC_PID): pid = value.networkNumber(UInt32.self, at: 0)
          case Int(CSYS_NFTA_GEN_PROC_NAME): name = value.text
          default: break
          }
        }
        if let generation {
          news.changes.append(
            Change(
              generation: generation, touchesTable: isTableTouched,
              author: pid.map { Author(pid: $0, name: name ?? "?") }))
        }
        isTableTouched = false
      } else if message.first == UInt8(truncatingIfNeeded: NFT.familyInet), !isTableTouched {
        // The table's name is attribute 1 of every kind of message.
        isTableTouched = attributes.contains {
          $0.type == 1 && $0.value.prefix { $0 != 0 }.elementsEqual(table)
        }
      }
    }
  }

  /// `NFNL_SUBSYS_NFTABLES`
  private static let subsystem: UInt16 = 10
  /// `NFT_MSG_NEWGEN`
  private static let newGeneration: UInt16 = 15
}

/// Reports that links or addresses of a network namespace changed: `RTNLGRP_LINK`, `RTNLGRP_IPV4_IFADDR`,
/// `RTNLGRP_IPV6_IFADDR`. The kernel is then queried for the current state.
public struct LinkEvents: ~Copyable {
  private let subscription: NetlinkSubscription
  private var buffer = [UInt8](repeating: 0, count: 32 << 10)

  /// Listens in the network namespace of the calling thread.
  public init() throws(SystemError) {
    let groups = [
      Int32(CSYS_RTNLGRP_LINK), Int32(CSYS_RTNLGRP_IPV4_IFADDR), Int32(CSYS_RTNLGRP_IPV6_IFADDR),
    ]
    subscription = try NetlinkSubscription(
      family: Int32(CSYS_NETLINK_ROUTE), groups: groups, receiveBuffer: 256 << 10,
      attempt: "listening for changes of links")
  }

  /// The descriptor to wait on.
  public var descriptor: Int32 { subscription.descriptor }

  /// Reads all pending events. Returns whether there were any; lost events count.
  public mutating func read() throws(SystemError) -> Bool {
    var isAny = false
    while true {
      if case .nothing = try subscription.receive(into: &buffer) { return isAny }
      isAny = true
    }
  }
}
