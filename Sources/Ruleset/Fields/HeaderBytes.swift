// SPDX-License-Identifier: GPL-3.0-or-later

package import NetworkModel

/// Bytes of a header, as `payload` loads them.
package struct HeaderBytes: Sendable, Hashable {
  /// `nft_payload_bases`
  package let base: UInt32
  package let offset: Int
  package let length: Int

  package init(base: UInt32, offset: Int, length: Int) {
    self.base = base
    self.offset = offset
    self.length = length
  }

  package var end: Int { offset + length }

  /// Successive bytes of one field, or bytes that belong to no known field.
  package struct Part: Sendable, Hashable {
    /// Nil outside the known fields.
    package let field: HeaderField?
    /// The first byte, counted from the beginning of the header.
    package let offset: Int
    package let length: Int
  }

  /// The fields that these bytes belong to, in the packets of a family. A load may contain a part of a field
  /// (nft compares `ip saddr 10.0.0.0/8` with one byte) or several fields that are next to each other. If the
  /// family is not known, only a whole field or its beginning is recognised.
  package func parts(_ family: AddressFamily?) -> [Part] {
    switch (base, family) {
    case (NFT.payloadNetwork, .ipv4?): return split(HeaderField.Places.ipv4)
    case (NFT.payloadNetwork, .ipv6?): return split(HeaderField.Places.ipv6)
    case (NFT.payloadNetwork, nil):
      let places = HeaderField.Places.ipv4 + HeaderField.Places.ipv6
      let place =
        places.first { $0.bytes == self }
        ?? places.first { $0.bytes.offset == offset && $0.bytes.length > length }
      return [Part(field: place?.field, offset: offset, length: length)]
    case (NFT.payloadTransport, _):
      // The type and the code of ICMP are loaded alone; together they look like a port.
      if let place = HeaderField.Places.icmp.first(where: { $0.bytes == self }) {
        return [Part(field: place.field, offset: offset, length: length)]
      }
      return split(HeaderField.Places.transport)
    default: return [Part(field: nil, offset: offset, length: length)]
    }
  }

  /// The fields in `places` are in their order and do not overlap.
  private func split(_ places: [HeaderField.Place]) -> [Part] {
    var parts: [Part] = []
    var start = offset
    for place in places where place.bytes.end > start && place.bytes.offset < end {
      let bytes = place.bytes
      if bytes.offset > start { parts.append(Part(field: nil, offset: start, length: bytes.offset - start)) }
      start = max(start, bytes.offset)
      let next = min(end, bytes.end)
      parts.append(Part(field: place.field, offset: start, length: next - start))
      start = next
    }
    if start < end || parts.isEmpty { parts.append(Part(field: nil, offset: start, length: end - start)) }
    return parts
  }

  /// Whether some of these bytes may belong to a field of the transport header, in packets of a family. The
  /// network header has at least 20 bytes (IPv6: 40), the one of the link layer at least 14.
  package func mayReach(_ field: HeaderField, _ family: AddressFamily?) -> Bool {
    let other = field.bytes
    return switch base {
    case other.base: offset < other.end && other.offset < end
    case NFT.payloadNetwork: end > (family == .ipv6 ? 40 : 20)
    case NFT.payloadLink: end > 14
    default: true
    }
  }
}
