// SPDX-License-Identifier: GPL-3.0-or-later

internal import CSys
internal import Netlink
internal import NetworkModel
internal import PacketWalk

/// A set of ipset: its name, its family and what its elements consist of.
struct IPSetKind: Hashable {
  let name: String
  /// `NFPROTO_IPV4`, `NFPROTO_IPV6`, or `NFPROTO_UNSPEC` for both.
  let family: UInt8
  let isList: Bool
  /// The parts of an element, in order; nil for a part that is not known to this program.
  let parts: [Part?]
  /// Whether a port is a number alone, without its protocol: sets of type `bitmap:port`.
  private let isOfPorts: Bool

  /// A part of an element. `hash:ip,mac` and so on have addresses of the link, which the walk does not know.
  enum Part: String { case ip, net, port, iface, mark, mac }

  /// An element that a packet has in a set.
  enum Element: Hashable {
    /// The attributes of `IPSET_ATTR_DATA`.
    case attributes([UInt8])
    /// The packet has none: it is of another family, or lacks an interface.
    case none
    /// It depends on what is not known of the packet.
    case unknown
  }

  init(name: String, type: String, family: UInt8) {
    (self.name, self.family) = (name, family)
    let words = type.split(separator: ":", maxSplits: 1)
    isList = type == "list:set"
    isOfPorts = type == "bitmap:port"
    parts = words.count == 2 ? words[1].split(separator: ",").map { Part(rawValue: String($0)) } : [nil]
  }

  /// Decodes the answer to `IPSET_CMD_HEADER`, without its `struct nfgenmsg`. Nil if something is missing.
  init?(header: ArraySlice<UInt8>) {
    var (name, type, family): (String?, String?, UInt8?) = (nil, nil, nil)
    for (attribute, value) in AttributeReader(header) {
      switch attribute {
      case Int(CSYS_IPSET_ATTR_SETNAME): name = value.text
      case Int(CSYS_IPSET_ATTR_TYPENAME): type = value.text
      case Int(CSYS_IPSET_ATTR_FAMILY): family = value.first
      default: break
      }
    }
    guard let name, let type, let family else { return nil }
    self.init(name: name, type: type, family: family)
  }

  /// The names of sets in a message of `IPSET_CMD_LIST` about a list of sets, without its `struct nfgenmsg`.
  static func members(_ listing: ArraySlice<UInt8>) -> [String] {
    AttributeReader(listing).filter { $0.type == Int(CSYS_IPSET_ATTR_ADT) }.flatMap { elements in
      AttributeReader(elements.value).compactMap { element in
        AttributeReader(element.value).first { $0.type == Int(CSYS_IPSET_ATTR_NAME) }?.value.text
      }
    }
  }

  /// The element that a packet has. A rule must give a side for each part at least (`ip_set_test` of
  /// `net/netfilter/ipset/ip_set_core.c`).
  func element(of question: IPSetQuestion) -> Element {
    let packet = question.packet
    guard family == 0 || family == packet.family.rawValue, question.sides.count >= parts.count else {
      return .none
    }
    var (attributes, hasAddress): ([UInt8], Bool) = ([], false)
    for (part, side) in zip(parts, question.sides) {
      let isSource = side == .source
      switch part {
      case .ip, .net:
        let address = isSource ? packet.source : packet.destination
        // The unspecified address is in no set: `hash_ip4_kadt` and the others.
        if address.bits == 0 { return .none }
        let type = packet.family == .ipv4 ? CSYS_IPSET_ATTR_IPADDR_IPV4 : CSYS_IPSET_ATTR_IPADDR_IPV6
        attributes += Self.nested(
          hasAddress ? CSYS_IPSET_ATTR_IP2 : CSYS_IPSET_ATTR_IP, Self.inOrder(type, address.bytes))
        hasAddress = true
      case .port:
        guard let port = Self.port(packet, isSource, onlyOfPorts: isOfPorts) else { return .none }
        attributes += Self.inOrder(CSYS_IPSET_ATTR_PORT, [UInt8(port >> 8), UInt8(port & 0xff)])
        if !isOfPorts {
          attributes += AttributeReader.encode(Int(CSYS_IPSET_ATTR_PROTO), [packet.transport.number])
        }
      case .iface:
        guard let name = isSource ? question.input : question.output else { return .none }
        attributes += AttributeReader.encode(Int(CSYS_IPSET_ATTR_IFACE), Array(name.description.utf8) + [0])
      case .mark:
        guard let mark = question.mark else { return .unknown }
        attributes += Self.inOrder(
          CSYS_IPSET_ATTR_MARK, (0..<4).map { UInt8(truncatingIfNeeded: mark >> (24 - 8 * $0)) })
      // A link address is compared as a source only: `hash_mac4_kadt`.
      case .mac where !isSource: return .none
      case .mac, nil: return .unknown
      }
    }
    return .attributes(attributes)
  }

  /// The port, or the type and code of ICMP; 0 for other protocols. Nil if the packet has none that such a set compares. Source:
  /// `get_port` and `ip_set_get_ip_port` of `net/netfilter/ipset/ip_set_getport.c`.
  private static func port(_ packet: Packet, _ isSource: Bool, onlyOfPorts: Bool) -> UInt16? {
    switch packet.transport {
    case .tcp, .udp: return isSource ? packet.sourcePort : packet.destinationPort
    case _ where onlyOfPorts: return nil
    case .icmp, .icmpv6: return UInt16(packet.icmpType) << 8 | UInt16(packet.icmpCode)
    default: return packet.transport.hasPorts ? (isSource ? packet.sourcePort : packet.destinationPort) : 0
    }
  }

  private static func nested(_ type: Int32, _ value: [UInt8]) -> [UInt8] {
    AttributeReader.encode(Int(type) | Int(CSYS_NLA_F_NESTED), value)
  }

  /// An attribute in network byte order.
  private static func inOrder(_ type: Int32, _ value: [UInt8]) -> [UInt8] {
    AttributeReader.encode(Int(type) | Int(CSYS_NLA_F_NET_BYTEORDER), value)
  }
}
