// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import RulesetModel

/// How prefixes of one family are laid out in sets: a hash for each length, looked up by the masked address, where the
/// lengths are few; else one interval set.
///
/// A hash costs the kernel a constant time for each change, whatever its size, and a third of what an interval set
/// costs to load; but each length is a look-up of its own for every packet.
struct PrefixLayout {
  /// A set, and the length to which an address is masked before it is looked up in it; nil: not at all.
  struct Part {
    let set: NamedSet
    let maskLength: Int?
  }

  /// Look-ups that a packet is worth.
  static let mostLengths = 8

  let parts: [Part]

  /// The prefixes must be of the family; those within others of them are left out.
  init(name: String, family: AddressFamily, prefixes: [Prefix]) {
    let suffix = family == .ipv4 ? "v4" : "v6"
    var byLength = Dictionary(grouping: Self.disjoint(prefixes), by: \.length)
    let original = byLength.values.reduce(0) { $0 + $1.count }
    var budget = original + 1_000
    while byLength.count > Self.mostLengths, let step = Self.cheapestStep(byLength), step.cost <= budget {
      budget -= step.cost
      let expanded = (byLength.removeValue(forKey: step.from) ?? []).flatMap { Self.halves($0, to: step.to) }
      byLength[step.to, default: []] += expanded
    }
    if byLength.count > Self.mostLengths {
      let set = NamedSet(
        name: "\(name)-\(suffix)", key: .address(family), kind: .set, layout: .interval,
        elements: Self.intervals(Self.disjoint(prefixes), family))
      parts = [Part(set: set, maskLength: nil)]
      return
    }
    parts = byLength.keys.sorted(by: >).map { length in
      var records: [UInt8] = []
      let block = byLength[length] ?? []
      records.reserveCapacity(block.count * (family.byteWidth + 1))
      for prefix in block {
        records += prefix.address.bytes
        records.append(0)
      }
      let whole = length == family.bitWidth
      let set = NamedSet(
        name: whole ? "\(name)-\(suffix)" : "\(name)-\(suffix)-\(length)", key: .address(family), kind: .set,
        elements: SetElements(keyLength: family.byteWidth, unsorted: records))
      return Part(set: set, maskLength: whole ? nil : length)
    }
  }

  /// The prefixes sorted, without those that lie in others.
  static func disjoint(_ prefixes: [Prefix]) -> [Prefix] {
    var result: [Prefix] = []
    for prefix in prefixes.sorted() {
      if let last = result.last, last.contains(prefix) { continue }
      result.append(prefix)
    }
    return result
  }

  /// The shortest length's or any other's step to the next longer one that adds the fewest elements.
  private static func cheapestStep(_ byLength: [Int: [Prefix]]) -> (from: Int, to: Int, cost: Int)? {
    let lengths = byLength.keys.sorted()
    return zip(lengths, lengths.dropFirst()).compactMap { from, to -> (from: Int, to: Int, cost: Int)? in
      guard to - from < 20 else { return nil }
      return (from, to, (byLength[from]?.count ?? 0) * ((1 << (to - from)) - 1))
    }.min { ($0.cost, $0.from) < ($1.cost, $1.from) }
  }

  private static func halves(_ prefix: Prefix, to length: Int) -> [Prefix] {
    let step = UInt128(1) << UInt128(prefix.family.bitWidth - length)
    return (0..<(1 << (length - prefix.length))).map { index in
      let address = IPAddress(family: prefix.family, bits: prefix.address.bits + UInt128(index) * step)
      return Prefix(containing: address, length: length)
    }
  }

  /// Half-open intervals: each prefix begins at an element, and ends before one flagged as an end, which is left out
  /// where the next interval begins there or the address space ends. nft's list begins with an end at zero.
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
