// SPDX-License-Identifier: GPL-3.0-or-later

package import NetworkModel

/// A property of a packet that an expression can load into a register. These fields are the only ones that the
/// walks, the packet space and the text of rules know; each of them switches over all of them.
package enum PacketField: Sendable, Hashable {
  case meta(MetaKey)
  case header(HeaderField)
  /// Without a direction it is a property of the whole connection.
  case connection(ConnectionKey, ConnectionDirection?)
  /// `fib`; `flags` are `nft_fib_flags`.
  case route(RouteResult, flags: UInt32)
  /// Whether the packet has this source route: 1 or 0.
  case sourceRoute(SourceRoute)

  /// Its form in a register.
  package var form: FieldForm {
    switch self {
    case .meta(let key): key.form
    case .header(let field): field.form
    case .connection(let key, _): key.form
    case .route(let result, let flags): result.form(flags)
    case .sourceRoute: FieldForm("exthdr", 1, .network)
    }
  }

  /// Its name in nft. A port has the name of the protocol, if the rule has required one.
  package func name(_ transport: IPProtocol?) -> String {
    switch self {
    case .meta(let key): return key.form.name
    case .header(let field): return field.name(transport)
    case .connection(let key, let direction):
      return "ct \(direction.map { "\($0) " } ?? "")\(key.form.name)"
    case .route(let result, let flags):
      let asked: [(UInt32, String)] = [
        (NFT.fibSource, "saddr"), (NFT.fibDestination, "daddr"), (NFT.fibMark, "mark"), (NFT.fibInput, "iif"),
        (NFT.fibOutput, "oif"),
      ]
      let words = asked.filter { flags & $0.0 != 0 }.map(\.1).joined(separator: " . ")
      return "fib \(words) \(result.form(flags).name)"
    case .sourceRoute(let route):
      switch route {
      case .loose: return "ip option lsrr"
      case .strict: return "ip option ssrr"
      case .routingHeader: return "exthdr rt"
      }
    }
  }

  /// The expression that loads the whole field.
  package func load(into register: UInt32 = NFT.register1) -> Expression {
    switch self {
    case .meta(let key): .meta(key: key.rawValue, destination: register)
    case .header(let field):
      .payload(
        base: field.bytes.base, offset: UInt32(field.bytes.offset), length: UInt32(field.bytes.length),
        destination: register)
    case .connection(let key, let direction):
      .ct(key: key.rawValue, direction: direction?.rawValue, destination: register)
    case .route(let result, let flags): .fib(result: result.rawValue, flags: flags, destination: register)
    case .sourceRoute(let route): .extensionHeader(route, into: register)
    }
  }
}

/// How a field looks in a register, and its name.
package struct FieldForm: Sendable, Hashable {
  /// Its name in nft, without what depends on the rule.
  package let name: String
  /// Bytes that the kernel writes, without the padding to whole registers.
  package let length: Int
  /// The most bytes that the kernel writes; only for an address of any family more than `length`.
  package let longest: Int
  package let order: ByteOrder
  package let format: ValueFormat

  init(
    _ name: String, _ length: Int, longest: Int? = nil, _ order: ByteOrder, _ format: ValueFormat? = nil
  ) {
    self.name = name
    self.length = length
    self.longest = longest ?? length
    self.order = order
    self.format = format ?? (order == .host ? .host : .network)
  }
}

/// The order of a number's bytes in a register.
package enum ByteOrder: Sendable, Hashable {
  /// The first byte is the most significant one.
  case network
  /// The machine's own.
  case host
}

/// What `fib` answers: `nft_fib_result`.
package enum RouteResult: UInt32, Sendable, CaseIterable {
  /// `NFT_FIB_RESULT_OIF`
  case outputIndex = 1
  /// `NFT_FIB_RESULT_OIFNAME`
  case outputName = 2
  /// `NFT_FIB_RESULT_ADDRTYPE`
  case addressType = 3

  /// The form of an answer to a question with these flags. Source: `nft_fib_store_result` of
  /// `net/netfilter/nft_fib.c`.
  func form(_ flags: UInt32) -> FieldForm {
    let isPresence = flags & NFT.fibPresent != 0
    return switch self {
    case .outputIndex: FieldForm("oif", isPresence ? 1 : 4, .host)
    case .outputName: isPresence ? FieldForm("oifname", 1, .host) : FieldForm("oifname", 16, .network, .name)
    case .addressType: FieldForm("type", 4, .host, .addressType)
    }
  }
}
