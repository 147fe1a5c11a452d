// SPDX-License-Identifier: GPL-3.0-or-later

/// One step of what the kernel executes for a rule: as written to nf_tables and as read back from it.
///
/// Registers are numbered as the kernel dumps them: 0 is the verdict register (`NFT_REG_VERDICT`), 1...4 the
/// 16-byte registers (`NFT_REG_1`…), 8...23 the 4-byte ones (`NFT_REG32_00`…). A 4-byte register that begins
/// a 16-byte one has the number of the 16-byte one. Data are the bytes in the register, in the order in which
/// the kernel compares them: addresses and ports in network order; marks, states and indices in host order.
/// Source: `linux/netfilter/nf_tables.h`.
public enum Expression: Sendable, Hashable {
  /// `meta`: loads a property of the packet or its interfaces; `key` is an `nft_meta_keys`.
  case meta(key: UInt32, destination: UInt32)
  /// `meta` that sets a property of the packet from a register.
  case metaSet(key: UInt32, source: UInt32)
  /// `payload`: loads bytes of a header; `base` is an `nft_payload_bases`.
  case payload(base: UInt32, offset: UInt32, length: UInt32, destination: UInt32)
  /// `ct`: loads a property of the connection; `key` is an `nft_ct_keys`, `direction` 0 original, 1 reply.
  case ct(key: UInt32, direction: UInt8?, destination: UInt32)
  /// `fib`: a routing lookup; `result` is an `nft_fib_result`, `flags` are `nft_fib_flags`.
  case fib(result: UInt32, flags: UInt32, destination: UInt32)
  /// `cmp`: continues if the comparison of the register with the data holds; `operation` is an `nft_cmp_ops`.
  case compare(operation: UInt32, source: UInt32, data: [UInt8])
  /// `range`: continues if the register is in the range (0) or outside it (1), an `nft_range_ops`.
  case range(operation: UInt32, source: UInt32, from: [UInt8], to: [UInt8])
  /// `bitwise` with mask and xor: destination = source & mask ^ xor.
  case bitwise(source: UInt32, destination: UInt32, mask: [UInt8], xor: [UInt8])
  /// `lookup`: continues if the register is in the set (with `inverted`: is not in it); in a map, loads the
  /// value.
  case lookup(set: String, source: UInt32, destination: UInt32?, inverted: Inversion)
  /// `immediate`: puts data into a register.
  case immediate(destination: UInt32, data: [UInt8])
  /// `immediate` into the verdict register: ends or redirects the evaluation.
  case verdict(VerdictCode)
  /// `counter` without a name. Its values are state and not part of the rule.
  case counter
  /// `objref` by name; `type` is an `NFT_OBJECT_…`.
  case object(type: UInt32, name: String)
  /// `objref` by a map from a register to objects.
  case objectMap(set: String, source: UInt32)
  /// `reject`: `type` is an `nft_reject_types`, `code` its ICMP or `nft_reject_inet_code` code.
  case reject(type: UInt32, code: UInt8)
  /// `notrack`
  case notrack
  /// `limit` of packets: continues below `rate` per `unit` seconds, and for `burst` more packets after an
  /// idle time.
  case limit(rate: UInt64, unit: UInt64, burst: UInt32)
  /// `log` to a group of NFLOG: a line with this prefix (`NFTA_LOG_PREFIX`, at most 127 bytes) and the first
  /// `captured` bytes of the packet from its network header on.
  case log(prefix: String, group: UInt16, captured: UInt32)
  /// Any other expression: its name, and the bytes of its data attribute as the kernel returned them.
  case opaque(name: String, data: [UInt8])
}

/// Whether a lookup tests for membership or for absence.
public enum Inversion: Sendable, Hashable {
  case plain
  case inverted
}

/// A verdict as the kernel holds it. Source: `nft_verdicts` of `linux/netfilter/nf_tables.h`.
public enum VerdictCode: Sendable, Hashable {
  case accept
  case drop
  case `continue`
  case `return`
  case jump(chain: String)
  case goto(chain: String)
  /// A verdict that the model does not support (queue, stolen, …), by its number.
  case other(Int32)

  /// The chain that it jumps or goes to; nil for other verdicts.
  public var chain: String? {
    switch self {
    case .jump(let chain), .goto(let chain): chain
    case .accept, .drop, .continue, .return, .other: nil
    }
  }
}
