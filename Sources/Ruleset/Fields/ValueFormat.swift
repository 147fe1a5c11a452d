// SPDX-License-Identifier: GPL-3.0-or-later

package import NetworkModel

/// How the bytes of a field are printed.
package enum ValueFormat: Sendable, Hashable {
  case hex
  /// A number in the machine's byte order.
  case host
  /// A number in network order.
  case network
  /// An address of a family, or its first bytes. Without a family, 4 bytes are of IPv4, more of IPv6.
  case address(AddressFamily?)
  /// An interface name; without a terminating zero it is the beginning of names and is printed with `*`.
  case name
  case transport
  case states
  case addressType
  case family
  /// A day of the week; Sunday is 0.
  case day
  /// Seconds since midnight UTC.
  case hour(ByteOrder)

  package func text(_ bytes: [UInt8]) -> String {
    let big = bytes.count <= 8 ? bytes.reduce(0 as UInt64) { $0 << 8 | UInt64($1) } : nil
    let host =
      HostOrder.isLittle && bytes.count <= 8
      ? bytes.reversed().reduce(0 as UInt64) { $0 << 8 | UInt64($1) } : big
    switch self {
    case .hex: break
    case .host: if let host { return String(host) }
    case .network: if let big { return String(big) }
    case .address(let family):
      let width = family?.byteWidth ?? (bytes.count <= 4 ? 4 : 16)
      let padded = bytes + Array(repeating: 0, count: max(0, width - bytes.count))
      if let address = IPAddress(bytes: padded) { return address.description }
    case .name:
      let text = String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      return "\"\(text)\(bytes.contains(0) ? "" : "*")\""
    case .transport: if let byte = bytes.first { return IPProtocol(number: byte).description }
    case .states:
      let names: [(UInt64, String)] = [
        (1, "invalid"), (2, "established"), (4, "related"), (8, "new"), (64, "untracked"),
      ]
      if let host { return names.filter { host & $0.0 != 0 }.map(\.1).joined(separator: ",") }
    case .addressType:
      let names = [
        "unspec", "unicast", "local", "broadcast", "anycast", "multicast", "blackhole", "unreachable",
      ]
      if let host, host < 8 { return names[Int(host)] }
    case .day:
      let names = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]
      if let big, big < 7 { return names[Int(big)] }
    case .hour(let order):
      if let seconds = order == .host ? host : big, seconds < 172_800 {
        let parts = [seconds / 3600, seconds / 60 % 60] + (seconds % 60 == 0 ? [] : [seconds % 60])
        return parts.map { ($0 < 10 ? "0" : "") + String($0) }.joined(separator: ":")
      }
    case .family: if let byte = bytes.first { return byte == 2 ? "ipv4" : byte == 10 ? "ipv6" : String(byte) }
    }
    return "0x" + bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }
}
