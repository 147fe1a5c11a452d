// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel

extension KernelTable {
  /// The table of legacy iptables in these bytes, with the expressions that iptables-nft compiles the same rules to. Every
  /// offset and length is checked.
  ///
  /// The entries of a chain at a hook are its rules, then its policy. The other chains follow: each begins with a target
  /// `ERROR` that has its name, and ends with an unconditional `RETURN`. A last `ERROR` ends the table. Source: `libiptc.c` of
  /// iptables, `ipt_do_table` and `mark_source_chains` of `net/ipv4/netfilter/ip_tables.c`.
  public init(legacy bytes: LegacyTableBytes) throws(LegacyTableError) {
    let decoder = try LegacyTableDecoder(bytes)
    self.init(
      family: bytes.family.rawValue, name: bytes.name, chains: try decoder.chains(), subsystem: .legacy)
  }
}

/// Decodes the chains of a table of legacy iptables.
private struct LegacyTableDecoder {
  let bytes: LegacyTableBytes
  let entries: [LegacyEntry]
  /// The numbers of entries by their offsets.
  let numbers: [Int: Int]
  /// The chains that begin with a target `ERROR`: their names by the number of the first entry after it.
  let heads: [Int: String]
  /// By number of an entry, the next entry at which a chain begins, or the table ends; the entry's own number if it is one.
  let borders: [Int]

  init(_ bytes: LegacyTableBytes) throws(LegacyTableError) {
    self.bytes = bytes
    var entries: [LegacyEntry] = []
    var place = 0
    while place < bytes.entries.count {
      let entry = try LegacyEntry(bytes.entries, at: place, family: bytes.family)
      entries.append(entry)
      place = entry.end
    }
    guard entries.count == Int(exactly: bytes.count) else {
      throw LegacyTableError("it has \(entries.count) entries, and the kernel counts \(bytes.count)")
    }
    guard case .error? = entries.last?.target else { throw LegacyTableError("its last entry is not its end") }
    var heads: [Int: String] = [:]
    var names = Set(LegacyTable.allHooks.map(LegacyTable.chain))
    for (number, entry) in entries.enumerated().dropLast() {
      guard case .error(let name) = entry.target else { continue }
      guard !name.isEmpty, names.insert(name).inserted else {
        throw LegacyTableError("two chains have the name \"\(name)\"")
      }
      heads[number + 1] = name
    }
    let numbers = Dictionary(uniqueKeysWithValues: entries.enumerated().map { ($1.begin, $0) })
    let begins = Set(
      bytes.ownHooks.compactMap { hook in
        bytes.beginnings.indices.contains(Int(hook)) ? numbers[Int(bytes.beginnings[Int(hook)])] : nil
      })
    var borders = Array(repeating: entries.count - 1, count: entries.count)
    for number in entries.indices.dropLast().reversed() {
      borders[number] = begins.contains(number) || heads[number + 1] != nil ? number : borders[number + 1]
    }
    self.borders = borders
    self.entries = entries
    self.numbers = numbers
    self.heads = heads
  }

  func chains() throws(LegacyTableError) -> [KernelChain] {
    var chains: [KernelChain] = []
    for hook in bytes.ownHooks { chains.append(try base(at: hook)) }
    for (first, name) in heads.sorted(by: { $0.key < $1.key }) {
      let end = borders[first]
      guard end > first, entries[end - 1].isUnconditional, case .standard(-5) = entries[end - 1].target else {
        throw LegacyTableError("the chain \"\(name)\" does not end with RETURN")
      }
      chains.append(KernelChain(name: name, base: nil, rules: try rules(first..<(end - 1))))
    }
    return chains
  }

  /// The chain at a hook.
  private func base(at hook: UInt32) throws(LegacyTableError) -> KernelChain {
    let name = LegacyTable.chain(at: hook)
    guard bytes.beginnings.indices.contains(Int(hook)), bytes.policies.indices.contains(Int(hook)),
      let first = numbers[Int(bytes.beginnings[Int(hook)])],
      let last = numbers[Int(bytes.policies[Int(hook)])],
      first <= last, last + 1 < entries.count, borders[first + 1] == last + 1
    else { throw LegacyTableError("the chain \(name) is at no place that exists") }
    guard entries[last].isUnconditional, case .standard(let verdict) = entries[last].target,
      verdict == -1 || verdict == -2
    else { throw LegacyTableError("the chain \(name) does not end with a policy") }
    guard let base = LegacyTable.base(of: bytes.name, at: hook, policy: verdict == -1 ? .drop : .accept)
    else {
      throw LegacyTableError("it is not known when the kernel calls a table of this name")
    }
    return KernelChain(name: name, base: base, rules: try rules(first..<last))
  }

  private func rules(_ range: Range<Int>) throws(LegacyTableError) -> [KernelRule] {
    var rules: [KernelRule] = []
    rules.reserveCapacity(range.count)
    for number in range { rules.append(try rule(entries[number])) }
    return rules
  }

  private func rule(_ entry: LegacyEntry) throws(LegacyTableError) -> KernelRule {
    var expressions = entry.conditions
    switch entry.target {
    case .other(let target): expressions.append(target)
    case .error: throw LegacyTableError("a chain begins inside another one at byte \(entry.begin)")
    case .standard(let number):
      if let verdict = try verdict(number, of: entry) { expressions.append(.verdict(verdict)) }
    }
    return KernelRule(
      expressions: expressions,
      userdata: entry.comment.map { Userdata.text($0, type: NFT.udataComment) } ?? [])
  }

  /// A standard target's verdict: `-NF_… - 1`, or the offset of the chain to which it jumps. Nil if the next entry follows,
  /// as for a rule without a target.
  private func verdict(_ number: Int32, of entry: LegacyEntry) throws(LegacyTableError) -> VerdictCode? {
    switch number {
    case -1: return .drop
    case -2: return .accept
    case -5: return .return
    case ..<0: return .other(-(number + 1))
    default:
      if Int(number) == entry.end { return nil }
      guard let target = numbers[Int(number)], let name = heads[target] else {
        throw LegacyTableError("a jump to no chain at byte \(entry.begin)")
      }
      return entry.isGoto ? .goto(chain: name) : .jump(chain: name)
    }
  }
}
