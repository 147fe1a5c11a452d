// SPDX-License-Identifier: GPL-3.0-or-later

package import NetworkModel
package import Ruleset

/// Bytes of a table of legacy iptables, written as the kernel returns them on a machine of 64 bits.
package struct LegacyBytes {
  /// What an entry does.
  package enum Target {
    case verdict(Int32)
    case error(String)
    case other(String, UInt8, [UInt8])
  }

  package let family: AddressFamily
  package var entries: [UInt8] = []
  package var count: UInt32 = 0

  /// No entries.
  package init(_ family: AddressFamily) { self.family = family }

  /// Appends an entry, and returns its offset. `own` are bytes of its own part by their offset there.
  @discardableResult
  package mutating func add(
    _ target: Target, own: [Int: [UInt8]] = [:],
    matches: [(name: String, revision: UInt8, info: [UInt8])] = []
  ) -> Int {
    let begin = entries.count
    var head = [UInt8](repeating: 0, count: family == .ipv4 ? 112 : 168)
    for (offset, bytes) in own { head.replaceSubrange(offset..<(offset + bytes.count), with: bytes) }
    let conditions = matches.flatMap { Self.part($0.name, $0.revision, $0.info) }
    let end: [UInt8] =
      switch target {
      case .verdict(let number): Self.part("", 0, HostOrder.bytes(UInt32(bitPattern: number)) + [0, 0, 0, 0])
      case .error(let name): Self.part("ERROR", 0, Self.text(name, 32))
      case .other(let name, let revision, let info): Self.part(name, revision, info)
      }
    let place = family == .ipv4 ? 88 : 140
    let first = head.count + conditions.count
    head.replaceSubrange(
      place..<(place + 4), with: HostOrder.bytes(UInt16(first)) + HostOrder.bytes(UInt16(first + end.count)))
    entries += head + conditions + end
    count += 1
    return begin
  }

  private static func text(_ text: String, _ count: Int) -> [UInt8] {
    Array(text.utf8) + Array(repeating: 0, count: count - text.utf8.count)
  }

  private static func part(_ name: String, _ revision: UInt8, _ info: [UInt8]) -> [UInt8] {
    HostOrder.bytes(UInt16(32 + info.count)) + text(name, 29) + [revision] + info
  }

  /// A table `filter` with these offsets of INPUT, FORWARD and OUTPUT and of their policies.
  package func table(_ beginnings: [Int], _ policies: [Int], name: String = "filter") -> LegacyTableBytes {
    func numbers(_ three: [Int]) -> [UInt32] { [.max] + three.map(UInt32.init) + [.max] }
    return LegacyTableBytes(
      family: family, name: name, hooks: 0b01110, beginnings: numbers(beginnings),
      policies: numbers(policies),
      count: count, entries: entries)
  }

  /// `-P INPUT DROP`, `-A INPUT ! -s 10.0.0.0/8 -i eth+ -p tcp --dport 80 -j own`, `-A own -j REJECT`.
  package static func example(_ family: AddressFamily) -> LegacyTableBytes {
    var bytes = LegacyBytes(family)
    let width = family.byteWidth
    let interface = family == .ipv4 ? 16 : 64
    let own: [Int: [UInt8]] = [
      0: family == .ipv4 ? [10, 0, 0, 0] : [0xfd] + Array(repeating: 0, count: 15),
      2 * width: [0xff] + Array(repeating: 0, count: width - 1), interface: Array("eth".utf8),
      interface + 32: [0xff, 0xff, 0xff], (family == .ipv4 ? 80 : 128): HostOrder.bytes(UInt16(6)),
      (family == .ipv4 ? 82 : 131): [family == .ipv4 ? 0 : 1], (family == .ipv4 ? 83 : 132): [0x08],
    ]
    let tcp: [UInt8] =
      [0, 0, 0xff, 0xff] + HostOrder.bytes(UInt16(80)) + HostOrder.bytes(UInt16(80))
      + Array(repeating: 0, count: 8)
    // The jump's target is not known yet: the sizes of all entries are.
    let head = family == .ipv4 ? 112 : 168
    let (standard, error) = (head + 40, head + 64)
    let target = (head + 48 + 40) + 3 * standard + error
    let first = bytes.add(.verdict(Int32(target)), own: own, matches: [("tcp", 0, tcp)])
    let policies = [bytes.add(.verdict(-1)), bytes.add(.verdict(-2)), bytes.add(.verdict(-2))]
    bytes.add(.error("own"))
    bytes.add(.other("REJECT", 0, [0, 0, 0, 0, 0, 0, 0, 0]))
    bytes.add(.verdict(-5))
    bytes.add(.error("ERROR"))
    return bytes.table([first, policies[1], policies[2]], policies)
  }
}
