// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel

/// What one element of a set of temporary grants lets in: sources, a protocol, its ports, for a time.
///
/// The set's key is `ipv4_addr . inet_proto . inet_service` (or `ipv6_addr`), a range in each field.
public struct TemporaryGrantRange: Sendable, Hashable {
  /// The family of the sources.
  public var family: AddressFamily
  /// The first and the last source, as numbers.
  public var sources: ClosedRange<UInt128>
  /// A protocol with ports.
  public var transport: IPProtocol
  /// The first and the last destination port, in host order.
  public var ports: ClosedRange<UInt16>
  /// Its lifetime, with a comment: who opened it and why.
  public var life: ElementLife

  /// Creates a value from its parts.
  public init(
    family: AddressFamily, sources: ClosedRange<UInt128>, transport: IPProtocol, ports: ClosedRange<UInt16>,
    life: ElementLife
  ) {
    self.family = family
    self.sources = sources
    self.transport = transport
    self.ports = ports
    self.life = life
  }

  /// An element of a set as it was read; nil if it is not of this kind. An element without a timeout never
  /// ends.
  package init?(_ elements: SetElements, _ index: Int, _ family: AddressFamily) {
    guard elements.keyLength == family.byteWidth + 8, let end = elements.keyEnd(index),
      elements.flags(index) & NFT.elementCatchAll == 0
    else { return nil }
    let (first, last, width) = (Array(elements.key(index)), Array(end), family.byteWidth)
    func port(_ key: [UInt8]) -> UInt16 { UInt16(key[width + 4]) << 8 | UInt16(key[width + 5]) }
    guard let low = IPAddress(bytes: first[..<width])?.bits,
      let high = IPAddress(bytes: last[..<width])?.bits,
      low <= high, first[width] == last[width], port(first) <= port(last)
    else { return nil }
    self.init(
      family: family, sources: low...high, transport: IPProtocol(number: first[width]),
      ports: port(first)...port(last),
      life: elements.life(index) ?? ElementLife(timeout: .max, comment: ""))
  }

  /// The sources as prefixes: the fewest that contain exactly these addresses.
  public var prefixes: [Prefix] {
    var result: [Prefix] = []
    var next = sources.lowerBound
    while true {
      var length = family.bitWidth
      while length > 0 {
        let wider = Prefix(containing: IPAddress(family: family, bits: next), length: length - 1)
        if wider.address.bits != next || wider.last.bits > sources.upperBound { break }
        length -= 1
      }
      let prefix = Prefix(containing: IPAddress(family: family, bits: next), length: length)
      result.append(prefix)
      if prefix.last.bits >= sources.upperBound { return result }
      next = prefix.last.bits + 1
    }
  }

  /// Whether there are packets that both let in.
  public func overlaps(_ other: TemporaryGrantRange) -> Bool {
    family == other.family && transport == other.transport && sources.overlaps(other.sources)
      && ports.overlaps(other.ports)
  }

  /// Whether it lets in everything that the other lets in.
  public func contains(_ other: TemporaryGrantRange) -> Bool {
    family == other.family && transport == other.transport && sources.contains(other.sources)
      && ports.contains(other.ports)
  }

  /// What remains of it without the other: at most four ranges, which do not overlap.
  public func subtracting(_ other: TemporaryGrantRange) -> [TemporaryGrantRange] {
    guard overlaps(other) else { return [self] }
    var result: [TemporaryGrantRange] = []
    func add(_ sources: ClosedRange<UInt128>, _ ports: ClosedRange<UInt16>) {
      result.append(
        TemporaryGrantRange(family: family, sources: sources, transport: transport, ports: ports, life: life))
    }
    let both = sources.clamped(to: other.sources)
    if sources.lowerBound < both.lowerBound { add(sources.lowerBound...(both.lowerBound - 1), ports) }
    if sources.upperBound > both.upperBound { add((both.upperBound + 1)...sources.upperBound, ports) }
    let common = ports.clamped(to: other.ports)
    if ports.lowerBound < common.lowerBound { add(both, ports.lowerBound...(common.lowerBound - 1)) }
    if ports.upperBound > common.upperBound { add(both, (common.upperBound + 1)...ports.upperBound) }
    return result
  }

  /// These ranges as elements of the set of temporary grants of a family.
  static func elements(_ ranges: [TemporaryGrantRange], _ family: AddressFamily) -> SetElements {
    var records: [UInt8] = []
    for range in ranges {
      records += IPAddress(family: family, bits: range.sources.lowerBound).bytes
      records += SetKey.port(range.transport, range.ports.lowerBound)
      records += IPAddress(family: family, bits: range.sources.upperBound).bytes
      records += SetKey.port(range.transport, range.ports.upperBound) + [0]
    }
    return SetElements(
      keyLength: family.byteWidth + 8, hasKeyEnd: true, unsorted: records,
      values: ranges.map { .opaque(.none, attributes: $0.life.attributes) })
  }
}
