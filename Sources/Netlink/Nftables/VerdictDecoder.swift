// SPDX-License-Identifier: GPL-3.0-or-later

import CNftnl
import CSys
import Ruleset

extension VerdictCode {
  /// Decodes the attributes of `NFTA_DATA_VERDICT`. Nil if there is no code.
  init?(attributes: AttributeList) {
    var (code, chain): (UInt32?, String?) = (nil, nil)
    for attribute in attributes {
      switch attribute.type {
      case NFTA_VERDICT_CODE: code = attribute.u32
      case NFTA_VERDICT_CHAIN: chain = attribute.text
      default: return nil
      }
    }
    guard let code else { return nil }
    switch (Int32(bitPattern: code), chain) {
    case (CSYS_NF_ACCEPT, nil): self = .accept
    case (CSYS_NF_DROP, nil): self = .drop
    case (NFT_CONTINUE.rawValue, nil): self = .continue
    case (NFT_RETURN.rawValue, nil): self = .return
    case (NFT_JUMP.rawValue, let chain?): self = .jump(chain: chain)
    case (NFT_GOTO.rawValue, let chain?): self = .goto(chain: chain)
    case (let other, nil): self = .other(other)
    case (_, _?): return nil
    }
  }

  /// The number of `NFTA_VERDICT_CODE`, in host byte order.
  package var number: Int32 {
    switch self {
    case .accept: CSYS_NF_ACCEPT
    case .drop: CSYS_NF_DROP
    case .continue: NFT_CONTINUE.rawValue
    case .return: NFT_RETURN.rawValue
    case .jump: NFT_JUMP.rawValue
    case .goto: NFT_GOTO.rawValue
    case .other(let number): number
    }
  }
}
