// SPDX-License-Identifier: GPL-3.0-or-later

extension KernelTable {
  /// Whether a rule or an object of the table makes the kernel track the connections of its family. A chain of type `nat` alone
  /// does not. Source: the callers of `nf_ct_netns_get` in `net/netfilter`.
  package var needsConntrack: Bool {
    objects.contains { ![NFT.objectCounter, NFT.objectQuota, NFT.objectLimit].contains($0.type) }
      || chains.contains { $0.rules.contains { $0.expressions.contains(where: \.needsConntrack) } }
  }
}

extension Expression {
  /// Matches and targets of iptables that do.
  private static let tracking: Set<String> = [
    "conntrack", "state", "connbytes", "connlimit", "connmark", "connlabel", "helper", "cluster", "CT",
    "CONNMARK",
    "CONNSECMARK", "SNAT", "DNAT", "MASQUERADE", "REDIRECT", "NETMAP", "SYNPROXY", "CLUSTERIP",
  ]

  fileprivate var needsConntrack: Bool {
    guard case .opaque(let name, let data) = self else {
      if case .ct = self { return true } else { return false }
    }
    switch OpaqueExpression(name, data) {
    case .match(let name, _, _), .target(let name, _, _): return Self.tracking.contains(name)
    case .limit: return name == "connlimit"
    case .translation, .connectionSet: return true
    // An element can count connections.
    case .dynamicSet: return true
    case .byteOrder, .headerLoad, .headerWrite, .payloadWrite, .queue, .loads: return false
    case .effect(let name): return name == "synproxy"
    case .passing: return name == "flow_offload"
    case .unknown: return true
    }
  }
}
