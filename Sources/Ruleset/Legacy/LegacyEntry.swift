// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel

/// One entry of a table of legacy iptables: a rule, a chain's policy or end, or the head of a chain.
///
/// Source: `struct ipt_entry` of `linux/netfilter_ipv4/ip_tables.h`, `struct ip6t_entry` of
/// `linux/netfilter_ipv6/ip6_tables.h`, `struct xt_entry_match` and `struct xt_entry_target` of
/// `linux/netfilter/x_tables.h`. Numbers are in host order, addresses in network order.
struct LegacyEntry {
  /// Where it begins and ends in the table's entries, in bytes.
  let begin: Int
  let end: Int
  /// Its conditions, as iptables-nft compiles them.
  let conditions: [Expression]
  /// The text of its match `comment`.
  let comment: String?
  /// Whether it has no condition at all, and no flags (`unconditional` of `net/ipv4/netfilter/ip_tables.c`).
  let isUnconditional: Bool
  /// Whether a jump does not come back (`IPT_F_GOTO`, `IP6T_F_GOTO`).
  let isGoto: Bool
  let target: Target

  enum Target {
    /// A verdict below zero, or the offset of the entry that comes next.
    case standard(Int32)
    /// `ERROR` with a chain's name, or the end of the table.
    case error(String)
    case other(Expression)
  }

  /// The offsets of the fields of an entry, in bytes. `csys_xtables.c` compares them with the headers.
  private struct Layout {
    let width: Int
    let interfaces: Int
    let transport: Int
    let flags: Int
    let inverted: Int
    /// `target_offset` and `next_offset`
    let offsets: Int
    let size: Int
    let goto: UInt8

    init(_ family: AddressFamily) {
      switch family {
      case .ipv4:
        (width, interfaces, transport, flags, inverted, offsets, size, goto) = (4, 16, 80, 82, 83, 88, 112, 2)
      case .ipv6:
        (width, interfaces, transport, flags, inverted, offsets, size, goto) = (
          16, 64, 128, 131, 132, 140, 168, 4
        )
      }
    }
  }

  /// `sizeof(struct xt_entry_match)` and of `struct xt_entry_target`: a size, a name of 29 bytes, a revision.
  private static let head = 32
  private static let nameLength = 29

  /// Decodes the entry that begins at an offset.
  init(_ bytes: [UInt8], at begin: Int, family: AddressFamily) throws(LegacyTableError) {
    let layout = Layout(family)
    func fail(_ what: String) -> LegacyTableError { LegacyTableError("\(what) at byte \(begin)") }
    guard let targetOffset = bytes.hostUInt16(begin + layout.offsets).map(Int.init),
      let length = bytes.hostUInt16(begin + layout.offsets + 2).map(Int.init), begin + length <= bytes.count,
      layout.size <= targetOffset, targetOffset + Self.head <= length
    else { throw fail("an entry that is too short") }
    let entry = bytes[begin..<(begin + length)]
    self.begin = begin
    end = begin + length
    guard let flags = entry.byte(layout.flags) else { throw fail("an entry that is too short") }
    isGoto = flags & layout.goto != 0
    isUnconditional =
      targetOffset == layout.size && entry.prefix(layout.offsets - 4).allSatisfy { $0 == 0 }

    var conditions = try Self.conditions(entry, layout, family, fail)
    var comment: String?
    var place = layout.size
    while place < targetOffset {
      guard let size = entry.hostUInt16(place).map(Int.init), size >= Self.head, place + size <= targetOffset,
        let (name, revision) = Self.name(entry, place),
        let info = entry.bytes(place + Self.head, size - Self.head)
      else { throw fail("a match that is too short") }
      if name == "comment" {
        comment = comment ?? String(decoding: info.prefix { $0 != 0 }, as: UTF8.self)
      } else {
        conditions.append(Self.extended("match", name, revision, info))
      }
      place += size
    }
    self.conditions = conditions
    self.comment = comment

    guard let size = entry.hostUInt16(targetOffset).map(Int.init), size >= Self.head,
      targetOffset + size <= length,
      let (name, revision) = Self.name(entry, targetOffset),
      let info = entry.bytes(targetOffset + Self.head, size - Self.head)
    else { throw fail("a target that is too short") }
    switch name {
    case "":
      guard let verdict = info.hostUInt32(0) else { throw fail("a verdict that is too short") }
      target = .standard(Int32(bitPattern: verdict))
    case "ERROR": target = .error(String(decoding: info.prefix { $0 != 0 }, as: UTF8.self))
    default: target = .other(Self.extended("target", name, revision, info))
    }
  }

  /// The name and the revision of a match or a target.
  private static func name(_ entry: ArraySlice<UInt8>, _ place: Int) -> (String, UInt8)? {
    guard let name = entry.bytes(place + 2, nameLength), let revision = entry.byte(place + 2 + nameLength)
    else { return nil }
    return (String(decoding: name.prefix { $0 != 0 }, as: UTF8.self), revision)
  }

  /// A match or a target, as nf_tables has those of iptables-nft.
  private static func extended(_ kind: String, _ name: String, _ revision: UInt8, _ info: [UInt8])
    -> Expression
  {
    .opaque(
      name: kind,
      data: AttributeBytes.encoded(NFT.Attribute.compatName, Array(name.utf8) + [0])
        + AttributeBytes.encoded(NFT.Attribute.compatRevision, [0, 0, 0, revision])
        + AttributeBytes.encoded(NFT.Attribute.compatInfo, info))
  }

  // MARK: Conditions

  private static let register = NFT.register1
  /// A condition that no packet meets.
  private static let never: [Expression] = [
    .immediate(destination: register, data: [0]),
    .compare(operation: NFT.notEqual, source: register, data: [0]),
  ]

  /// The conditions of the entry's own part. Source: `ip_packet_match` of `net/ipv4/netfilter/ip_tables.c`,
  /// `ip6_packet_match` of `net/ipv6/netfilter/ip6_tables.c`, which does not look at `tos`.
  private static func conditions(
    _ entry: ArraySlice<UInt8>, _ layout: Layout, _ family: AddressFamily,
    _ fail: (String) -> LegacyTableError
  ) throws(LegacyTableError) -> [Expression] {
    let width = layout.width
    guard let source = entry.bytes(0, width), let destination = entry.bytes(width, width),
      let sourceMask = entry.bytes(2 * width, width), let destinationMask = entry.bytes(3 * width, width),
      let input = entry.bytes(layout.interfaces, 16), let output = entry.bytes(layout.interfaces + 16, 16),
      let inputMask = entry.bytes(layout.interfaces + 32, 16),
      let outputMask = entry.bytes(layout.interfaces + 48, 16),
      let transport = entry.hostUInt16(layout.transport), let flags = entry.byte(layout.flags),
      let inverted = entry.byte(layout.inverted)
    else { throw fail("an entry that is too short") }
    func operation(_ bit: UInt8) -> UInt32 { inverted & bit != 0 ? NFT.notEqual : NFT.equal }
    let place = family == .ipv4 ? 12 : 8
    // In the order of iptables-nft.
    var result = interface(input, inputMask, .inputName, operation(Inverted.input))
    result += interface(output, outputMask, .outputName, operation(Inverted.output))
    result += address(source, sourceMask, at: place, family, operation(Inverted.source))
    result += address(
      destination, destinationMask, at: place + width, family, operation(Inverted.destination))
    // IPv6 compares the protocol only with IP6T_F_PROTO.
    if transport != 0, family == .ipv4 || flags & 1 != 0 {
      guard let number = UInt8(exactly: transport) else { throw fail("the protocol \(transport)") }
      result += [
        .meta(key: MetaKey.transport.rawValue, destination: register),
        .compare(operation: operation(Inverted.transport), source: register, data: [number]),
      ]
    }
    if family == .ipv4 { result += fragment(flags & 1 != 0, isInverted: inverted & Inverted.fragment != 0) }
    return result
  }

  /// `IPT_INV_…`, `IP6T_INV_…`
  private enum Inverted {
    static let input: UInt8 = 0x01
    static let output: UInt8 = 0x02
    static let source: UInt8 = 0x08
    static let destination: UInt8 = 0x10
    static let fragment: UInt8 = 0x20
    static let transport: UInt8 = 0x40
  }

  /// `ip saddr & mask == address`. `place` is the offset in the header. IPv4 compares all bits of the address with the masked
  /// one of the packet; IPv6 only those in the mask (`ipv6_masked_addr_cmp`).
  private static func address(
    _ address: [UInt8], _ mask: [UInt8], at place: Int, _ family: AddressFamily, _ operation: UInt32
  ) -> [Expression] {
    let data = family == .ipv4 ? address : zip(address, mask).map { $0 & $1 }
    let hasMask = mask.contains { $0 != 0xff }
    if mask.allSatisfy({ $0 == 0 }), data.allSatisfy({ $0 == 0 }) {
      return operation == NFT.equal ? [] : never
    }
    var result: [Expression] = [
      .payload(
        base: NFT.payloadNetwork, offset: UInt32(place), length: UInt32(mask.count), destination: register)
    ]
    if hasMask {
      result.append(
        .bitwise(
          source: register, destination: register, mask: mask, xor: Array(repeating: 0, count: mask.count)))
    }
    result.append(.compare(operation: operation, source: register, data: data))
    return result
  }

  /// `iifname`: a whole name with its terminating zero, or the beginning of names. Source: `ifname_compare_aligned` of
  /// `linux/netfilter/x_tables.h` of the kernel.
  private static func interface(_ name: [UInt8], _ mask: [UInt8], _ key: MetaKey, _ operation: UInt32)
    -> [Expression]
  {
    let data = zip(name, mask).map { $0 & $1 }
    let length = mask.prefix { $0 == 0xff }.count
    let isPrefix = mask.dropFirst(length).allSatisfy { $0 == 0 }
    if length == 0, isPrefix { return operation == NFT.equal ? [] : never }
    var result: [Expression] = [.meta(key: key.rawValue, destination: register)]
    if !isPrefix {
      result.append(
        .bitwise(
          source: register, destination: register, mask: mask, xor: Array(repeating: 0, count: mask.count)))
    }
    let isWhole = !isPrefix || data.prefix(length).contains(0)
    result.append(
      .compare(operation: operation, source: register, data: isWhole ? data : Array(data.prefix(length))))
    return result
  }

  /// `IPT_F_FRAG`: the second and later fragments of a packet, inverted all others.
  private static func fragment(_ isAsked: Bool, isInverted: Bool) -> [Expression] {
    guard isAsked else { return isInverted ? never : [] }
    return [
      .payload(base: NFT.payloadNetwork, offset: 6, length: 2, destination: register),
      .bitwise(source: register, destination: register, mask: [0x1f, 0xff], xor: [0, 0]),
      .compare(operation: isInverted ? NFT.equal : NFT.notEqual, source: register, data: [0, 0]),
    ]
  }
}
