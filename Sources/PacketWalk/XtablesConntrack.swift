// SPDX-License-Identifier: GPL-3.0-or-later

internal import Ruleset

/// The match `conntrack` of iptables (and its older form `state`), decoded. Source:
/// `struct xt_conntrack_mtinfo1` … `3` of `linux/netfilter/xt_conntrack.h`; ports are in network order before
/// revision 3.
struct XtablesConntrack: Sendable, Hashable {
  /// A condition on an address of the connection's tuples.
  struct Address: Sendable, Hashable {
    let bytes: [UInt8]
    let mask: [UInt8]
    let inverted: Inversion
  }

  /// A condition on a port of the connection's tuples: a range in host order.
  struct Ports: Sendable, Hashable {
    let range: ClosedRange<UInt16>
    let inverted: Inversion
  }

  /// A condition on a number or a set of bits.
  struct Asked: Sendable, Hashable {
    let value: UInt32
    let inverted: Inversion
  }

  /// `XT_CONNTRACK_STATE_…`; nil if not tested.
  var states: Asked?
  /// Nil if not tested; `plain` is the original direction.
  var direction: Inversion?
  /// The connection's protocol.
  var layer4: Asked?
  /// Original source, original destination, reply source, reply destination; nil if not tested.
  var addresses: [Address?] = [nil, nil, nil, nil]
  var ports: [Ports?] = [nil, nil, nil, nil]
  /// `IPS_…` bits.
  var status: Asked?
  /// Whether the remaining time is tested, which no packet states.
  var asksExpiry = false

  /// `XT_CONNTRACK_STATE_SNAT`, `XT_CONNTRACK_STATE_DNAT`, `XT_CONNTRACK_STATE_UNTRACKED`
  static let (sourceNAT, destinationNAT, untracked): (UInt32, UInt32, UInt32) = (64, 128, 256)
  /// `XT_STATE_UNTRACKED` of the match `state`
  private static let oldUntracked: UInt32 = 64

  // Flags: XT_CONNTRACK_STATE and so on.
  private static let (state, proto, firstAddress, statusFlag, expires, firstPort, directionFlag):
    (
      UInt32, UInt32, UInt32, UInt32, UInt32, UInt32, UInt32
    ) = (1, 2, 4, 64, 128, 256, 4096)

  /// Nil if the structure is too short or the revision unknown.
  init?(_ name: String, _ revision: UInt32, _ info: [UInt8], _ family: UInt8) {
    if name == "state" {
      guard revision == 0, let mask = info.hostUInt32(0) else { return nil }
      let moved = mask & Self.oldUntracked != 0 ? mask & ~Self.oldUntracked | Self.untracked : mask
      states = Asked(value: moved, inverted: .plain)
      return
    }
    guard (1...3).contains(revision), let match = info.hostUInt16(146).map(UInt32.init),
      let invert = info.hostUInt16(148).map(UInt32.init)
    else { return nil }
    func inversion(_ flag: UInt32) -> Inversion { invert & flag != 0 ? .inverted : .plain }
    let (stateMask, statusMask): (UInt32?, UInt32?) =
      revision == 1
      ? (info.byte(150).map(UInt32.init), info.byte(151).map(UInt32.init))
      : (info.hostUInt16(150).map(UInt32.init), info.hostUInt16(152).map(UInt32.init))
    guard let stateMask, let statusMask else { return nil }
    if match & Self.state != 0 { states = Asked(value: stateMask, inverted: inversion(Self.state)) }
    if match & Self.directionFlag != 0 { direction = inversion(Self.directionFlag) }
    if match & Self.statusFlag != 0 {
      status = Asked(value: statusMask, inverted: inversion(Self.statusFlag))
    }
    if match & Self.proto != 0 {
      guard let number = info.hostUInt16(136) else { return nil }
      layer4 = Asked(value: UInt32(number), inverted: inversion(Self.proto))
    }
    asksExpiry = match & Self.expires != 0
    let width = family == 2 ? 4 : 16
    for index in 0..<4 {
      let (addressFlag, portFlag) = (Self.firstAddress << UInt32(index), Self.firstPort << UInt32(index))
      if match & addressFlag != 0 {
        guard let bytes = info.bytes(32 * index, width), let mask = info.bytes(32 * index + 16, width) else {
          return nil
        }
        addresses[index] = Address(bytes: bytes, mask: mask, inverted: inversion(addressFlag))
      }
      if match & portFlag != 0 {
        let place = 138 + 2 * index
        guard let first = revision == 3 ? info.hostUInt16(place) : info.networkUInt16(place),
          let last = revision == 3 ? info.hostUInt16(154 + 2 * index) : first, first <= last
        else { return nil }
        ports[index] = Ports(range: first...last, inverted: inversion(portFlag))
      }
    }
  }
}

/// The match `addrtype` of iptables, decoded: masks of `1 << RTN_…`, 0 if not tested. Source:
/// `struct xt_addrtype_info` and `struct xt_addrtype_info_v1` of `linux/netfilter/xt_addrtype.h`.
struct XtablesAddressType: Sendable, Hashable {
  let source: UInt16
  let destination: UInt16
  let sourceInverted: Inversion
  let destinationInverted: Inversion
  /// Whether the type is limited to the input interface or to the output interface.
  let interface: Scope

  enum Scope: Sendable { case host, input, output }

  init?(_ revision: UInt32, _ info: [UInt8]) {
    guard let source = info.hostUInt16(0), let destination = info.hostUInt16(2), let word = info.hostUInt32(4)
    else {
      return nil
    }
    self.source = source
    self.destination = destination
    switch revision {
    case 0:
      guard let last = info.hostUInt32(8) else { return nil }
      sourceInverted = word != 0 ? .inverted : .plain
      destinationInverted = last != 0 ? .inverted : .plain
      interface = .host
    case 1:
      sourceInverted = word & 1 != 0 ? .inverted : .plain
      destinationInverted = word & 2 != 0 ? .inverted : .plain
      interface = word & 4 != 0 ? .input : word & 8 != 0 ? .output : .host
    default: return nil
    }
  }
}
