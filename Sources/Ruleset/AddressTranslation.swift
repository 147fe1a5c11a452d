// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel

extension KernelTable {
  /// The chains of type `nat`, each with all that it leads to: equal if two tables translate the same packets alike.
  package var translations: [Reachable] {
    chains.filter { $0.base?.type == "nat" }.map { reachable(from: $0.name) }
  }
}

/// An address translation that a rule asks for; only in chains of type `nat`.
public enum AddressTranslation: Sendable, Hashable {
  /// The source becomes the address of the output interface: `masquerade`.
  case masquerade
  /// The destination becomes this address, and this port if there is one: `dnat ip to 10.13.13.5:8443`.
  case destination(IPAddress, port: UInt16?)
  /// The network part of an address is replaced: `dnat ip prefix to 192.168.1.0/24`.
  case prefix(AddressSide, Prefix)

  /// The conditions of a rule that ends with a translation, and the translation; nil for other rules.
  package static func ending(_ expressions: [Expression]) -> ([Expression], AddressTranslation)? {
    guard case .opaque(let name, let data)? = expressions.last else { return nil }
    if name == "masq", data.isEmpty { return (expressions.dropLast(), .masquerade) }
    let attributes = AttributeBytes(data)
    guard name == "nat", let number = attributes.u32(NFT.Attribute.natFamily).flatMap({ UInt8(exactly: $0) }),
      let family = AddressFamily(rawValue: number)
    else { return nil }
    let values = expressions.dropLast().suffix(2).compactMap { expression -> [UInt8]? in
      if case .immediate(_, let data) = expression { data } else { nil }
    }
    let addresses = values.compactMap { IPAddress(bytes: $0) }.filter { $0.family == family }
    var candidates: [AddressTranslation] = []
    if let last = addresses.last {
      candidates.append(.destination(last, port: nil))
      if let port = values.last?.networkUInt16(0) { candidates.append(.destination(last, port: port)) }
    }
    if addresses.count == 2, let length = Prefix.length(from: addresses[0], to: addresses[1]) {
      let prefix = Prefix(containing: addresses[0], length: length)
      candidates += [.prefix(.source, prefix), .prefix(.destination, prefix)]
    }
    return candidates.first { expressions.suffix($0.expressions.count) == $0.expressions[...] }.map {
      (expressions.dropLast($0.expressions.count), $0)
    }
  }

  /// The family of the packets that it translates; nil for both.
  var family: AddressFamily? {
    switch self {
    case .masquerade: nil
    case .destination(let address, _): address.family
    case .prefix(_, let prefix): prefix.family
    }
  }

  /// As nft writes it.
  package var text: String {
    switch self {
    case .masquerade: return "masquerade"
    case .destination(let address, let port):
      let host = port != nil && address.family == .ipv6 ? "[\(address)]" : "\(address)"
      return "dnat \(Self.word(address.family)) to \(host)\(port.map { ":\($0)" } ?? "")"
    case .prefix(let side, let prefix):
      return "\(side == .source ? "snat" : "dnat") \(Self.word(prefix.family)) prefix to \(prefix)"
    }
  }

  private static func word(_ family: AddressFamily) -> String { family == .ipv4 ? "ip" : "ip6" }

  /// The expressions that do it, as the kernel returns them: `nft_masq_dump`, `nft_nat_dump`.
  var expressions: [Expression] {
    switch self {
    case .masquerade: return [.opaque(name: "masq", data: [])]
    case .destination(let address, let port):
      let ports = port.map { [UInt8($0 >> 8), UInt8($0 & 0xff)] }
      return [.immediate(destination: Self.first, data: address.bytes)]
        + (ports.map { [.immediate(destination: Self.second, data: $0)] } ?? [])
        + [
          Self.nat(
            .destination, address.family, addresses: (Self.first, Self.first),
            port: port == nil ? nil : Self.second,
            flags: NFT.natMapsAddresses | (port == nil ? 0 : NFT.natMapsPorts))
        ]
    case .prefix(let side, let prefix):
      let last = IPAddress(family: prefix.family, bits: prefix.last.bits)
      return [
        .immediate(destination: Self.first, data: prefix.address.bytes),
        .immediate(destination: Self.second, data: last.bytes),
        Self.nat(
          side, prefix.family, addresses: (Self.first, Self.second), port: nil,
          flags: NFT.natMapsAddresses | NFT.natMapsPrefix),
      ]
    }
  }

  private static let first = NFT.register(at: 0)
  private static let second = NFT.register(at: 16)

  private static func nat(
    _ side: AddressSide, _ family: AddressFamily, addresses: (UInt32, UInt32), port: UInt32?, flags: UInt32
  ) -> Expression {
    var attributes = [
      (NFT.Attribute.natType, side == .source ? 0 : 1), (NFT.Attribute.natFamily, UInt32(family.rawValue)),
      (NFT.Attribute.natAddressFirst, addresses.0), (NFT.Attribute.natAddressLast, addresses.1),
    ]
    if let port {
      attributes += [(NFT.Attribute.natPortFirst, port), (NFT.Attribute.natPortLast, port)]
    }
    attributes.append((NFT.Attribute.natFlags, flags))
    var data: [UInt8] = []
    for (type, number) in attributes {
      data += HostOrder.bytes(UInt16(8)) + HostOrder.bytes(type)
      data += [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: number >> UInt32($0)) }
    }
    return .opaque(name: "nat", data: data)
  }
}
