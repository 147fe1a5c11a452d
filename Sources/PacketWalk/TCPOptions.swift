// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import Ruleset

/// An option that a rule reads of a TCP packet. Source: RFC 9293 section 3.2; `tcp_find_option` of
/// `net/netfilter/xt_tcpudp.c`, `tcpmss_mt` of `net/netfilter/xt_tcpmss.c`, `nft_exthdr_tcp_eval` of
/// `net/netfilter/nft_exthdr.c`.
struct TCPOption: Sendable, Hashable {
  /// Its kind, a number that IANA assigns.
  let kind: UInt8

  /// The option that states the largest segment that the sender receives.
  static let maximumSegmentSize = TCPOption(kind: 2)

  /// Its name, as nft writes it.
  var name: String {
    switch kind {
    case 2: "maxseg"
    case 3: "window"
    case 4: "sack-perm"
    case 5: "sack"
    case 8: "timestamp"
    case 19: "md5sig"
    case 30: "mptcp"
    case 34: "fastopen"
    default: "\(kind)"
    }
  }

  /// Whether the first packet of one connection has it and that of another has not: padding (0, 1), window scale, SACK
  /// permitted and timestamps.
  var dependsOnSender: Bool { [0, 1, 3, 4, 8].contains(kind) }

  /// What is known about it in a packet.
  enum Presence: Sendable, Hashable {
    case absent
    /// It is assumed that the packet does not have it.
    case assumedAbsent
    /// It is assumed that the packet has it, with this number: a segment size in bytes.
    case assumed(UInt16)
    case unknown

    /// The assumption, in words; nil if there is none.
    func assumption(about option: TCPOption) -> String? {
      switch self {
      case .absent, .unknown: nil
      case .assumedAbsent: "without TCP option \(option.name)"
      case .assumed(let size): "with TCP option \(option.name) of \(size) bytes"
      }
    }
  }

  /// What a rule of nft loads of it.
  struct Load: Sendable, Hashable {
    let option: TCPOption
    /// Which of its bytes, of which the first two are its kind and its length; nil for whether the packet has it.
    let bytes: Range<Int>?

    enum Value: Sendable, Hashable {
      case bytes([UInt8])
      /// The rule ends: the packet does not have the option, or not so many bytes of it.
      case breaks
      /// What decides, in words.
      case unknown(String)
    }

    /// What is loaded from a packet.
    func value(_ presence: Presence) -> Value {
      switch presence {
      case .absent, .assumedAbsent: return bytes == nil ? .bytes([0]) : .breaks
      case .unknown: return .unknown("tcp option \(option.name)")
      case .assumed(let size):
        guard let bytes else { return .bytes([1]) }
        let all = [option.kind, 4, UInt8(size >> 8), UInt8(size & 0xff)]
        return bytes.upperBound <= all.count ? .bytes(Array(all[bytes])) : .breaks
      }
    }
  }

  /// A rule's condition on it.
  struct Condition: Sendable, Hashable {
    let option: TCPOption
    /// The segment sizes that it asks for, in bytes; nil if it asks whether the packet has the option.
    let sizes: ClosedRange<UInt16>?
    let inverted: Inversion

    /// Whether a packet fulfills it; nil if that is not known.
    func holds(_ presence: Presence) -> Bool? {
      let found: Bool
      switch presence {
      case .absent, .assumedAbsent: found = false
      case .assumed(let size): found = sizes?.contains(size) ?? true
      case .unknown: return nil
      }
      return found != (inverted == .inverted)
    }
  }
}

extension WalkRun {
  /// Whether the packet has an option. Other protocols and a header of 20 bytes have none. The first packet of a connection is
  /// an ordinary one: with the segment size of Ethernet (1,500 bytes without headers), without options that few senders use.
  func presence(of option: TCPOption) -> TCPOption.Presence {
    guard packet.transport == .tcp else { return .absent }
    if hasWrittenOptions { return .unknown }
    // The length of the header is in the upper half of byte 12, in units of 4 bytes.
    if headers.transport.known[12] & 0xf0 == 0xf0, headers.transport.bytes[12] >> 4 == 5 { return .absent }
    guard packet.opensConnection else { return .unknown }
    if option == .maximumSegmentSize { return .assumed(packet.family == .ipv4 ? 1460 : 1440) }
    return option.dependsOnSender ? .unknown : .assumedAbsent
  }
}
