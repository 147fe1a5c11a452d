// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import Ruleset

/// How prefixes of one family are stored in sets. With few different lengths: one hash per length, looked up
/// by the masked address. Otherwise: one interval set.
///
/// In a hash, each change costs the kernel constant time whatever its size, and loading costs a third of an
/// interval set; but each length costs every packet another lookup.
struct PrefixLayout {
  /// A set, and the length to which an address is masked before the lookup; nil: not masked.
  struct Part {
    let set: NamedSet
    let maskLength: Int?
  }

  /// The maximum number of lookups per packet.
  static let mostLengths = 8

  let parts: [Part]

  /// The prefixes must be of the family; a prefix inside another one is left out.
  init(name: String, family: AddressFamily, prefixes: [Prefix]) {
    let suffix = family == .ipv4 ? "v4" : "v6"
    let disjoint = Self.disjoint(prefixes)
    var counts = [Int](repeating: 0, count: family.bitWidth + 1)
    for prefix in disjoint { counts[prefix.length] += 1 }
    guard let lengths = Self.lengths(counts) else {
      let set = NamedSet(
        name: "\(name)-\(suffix)", key: .address(family), kind: .set, layout: .interval,
        elements: Self.intervals(disjoint, family))
      parts = [Part(set: set, maskLength: nil)]
      return
    }
    var records = [[UInt8]](repeating: [], count: family.bitWidth + 1)
    for prefix in disjoint {
      let length = lengths[prefix.length]
      var address = prefix.address.bits
      let step = length == 0 ? 0 : UInt128(1) << UInt128(family.bitWidth - length)
      for _ in 0..<(1 << (length - prefix.length)) {
        for byte in stride(from: family.byteWidth - 1, through: 0, by: -1) {
          records[length].append(UInt8(truncatingIfNeeded: address >> UInt128(byte * 8)))
        }
        records[length].append(0)
        address &+= step
      }
    }
    parts = records.indices.reversed().filter { !records[$0].isEmpty }.map { length in
      let whole = length == family.bitWidth
      let set = NamedSet(
        name: whole ? "\(name)-\(suffix)" : "\(name)-\(suffix)-\(length)", key: .address(family), kind: .set,
        elements: SetElements(keyLength: family.byteWidth, unsorted: records[length]))
      return Part(set: set, maskLength: whole ? nil : length)
    }
  }

  /// The length to which each length is expanded so that few lengths remain, given the number of prefixes of
  /// each length; nil if that takes too many elements.
  private static func lengths(_ counts: [Int]) -> [Int]? {
    var counts = counts
    var lengths = Array(counts.indices)
    var budget = counts.reduce(0, +) + 1_000
    while true {
      let used = counts.indices.filter { counts[$0] > 0 }
      if used.count <= mostLengths { return lengths }
      // The step from one length to the next longer one that adds the fewest elements.
      let steps = zip(used, used.dropFirst()).filter { $1 - $0 < 20 }
      guard
        let (from, to) = steps.min(by: { counts[$0.0] << ($0.1 - $0.0) < counts[$1.0] << ($1.1 - $1.0) }),
        case let added = counts[from] * ((1 << (to - from)) - 1), added <= budget
      else { return nil }
      budget -= added
      counts[to] += counts[from] + added
      counts[from] = 0
      for length in lengths.indices where lengths[length] == from { lengths[length] = to }
    }
  }

  /// The prefixes sorted, without those inside others.
  static func disjoint(_ prefixes: [Prefix]) -> [Prefix] {
    // A list is usually sorted and disjoint already.
    if zip(prefixes, prefixes.dropFirst()).allSatisfy({ $0 < $1 && !$0.contains($1) }) { return prefixes }
    var result: [Prefix] = []
    for prefix in prefixes.sorted() {
      if let last = result.last, last.contains(prefix) { continue }
      result.append(prefix)
    }
    return result
  }

  /// Half-open intervals: each prefix begins at an element and ends before an element flagged as an end. The
  /// end is left out if the next interval begins there or the address space ends. nft's list begins with an
  /// end at zero.
  private static func intervals(_ prefixes: [Prefix], _ family: AddressFamily) -> SetElements {
    var records: [UInt8] = []
    func append(_ bits: UInt128, _ flags: UInt8) {
      records += IPAddress(family: family, bits: bits).bytes
      records.append(flags)
    }
    let top: UInt128 = family == .ipv4 ? 0xffff_ffff : .max
    if let first = prefixes.first, first.address.bits != 0 { append(0, NFT.elementIntervalEnd) }
    var begun: (from: UInt128, to: UInt128)?
    for prefix in prefixes {
      // Adjacent prefixes are one interval.
      if let open = begun, open.to != top, open.to + 1 == prefix.address.bits {
        begun = (open.from, prefix.last.bits)
        continue
      }
      if let open = begun {
        append(open.from, 0)
        append(open.to + 1, NFT.elementIntervalEnd)
      }
      begun = (prefix.address.bits, prefix.last.bits)
    }
    if let open = begun {
      append(open.from, 0)
      if open.to != top { append(open.to + 1, NFT.elementIntervalEnd) }
    }
    return SetElements(keyLength: family.byteWidth, unsorted: records)
  }
}
