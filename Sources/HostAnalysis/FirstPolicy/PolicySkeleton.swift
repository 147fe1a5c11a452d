// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel

/// The sections `tunnels` and `machines` of a policy for a host: its tunnels with their peers, its addresses, and its
/// zones. Every guess is marked by a comment.
public struct PolicySkeleton {
  /// The name of the host's machine.
  public let machine: String
  /// The text of the sections, ended by an empty line.
  public let sections: String
  let tunnels: [TunnelDraft]
  let zones: ZoneDrafts
  let encryption: EncryptionDraft
  var names: FirstPolicyNames

  /// Writes the sections.
  public init(_ basis: FirstPolicy.Basis) {
    var shared = TunnelDraft.Shared(names: FirstPolicyNames())
    machine = shared.names.take(basis.name, or: "host")
    tunnels = basis.devices.compactMap { TunnelDraft($0, basis, &shared) }
    zones = ZoneDrafts(basis, tunnels, &shared.names)
    encryption = EncryptionDraft(basis, machine, tunnels, zones)
    names = shared.names
    let own = machine
    var text = ""
    if !tunnels.isEmpty {
      text += "tunnels:\n" + tunnels.map { $0.tunnelLines(own) }.joined() + "\n"
    }
    text += "machines:\n  \(own):\n"
    if !tunnels.isEmpty {
      let places = tunnels.map { "\($0.name): \(FirstPolicy.list($0.addresses))" }.joined(separator: ", ")
      text += "    addresses: { \(places) }\n"
    }
    text += encryption.endpointLine
    text += zones.lines(tunnels.isEmpty && encryption.endpointLine.isEmpty)
    text += Self.merged(tunnels.flatMap(\.peers)).map(\.lines).joined() + "\n"
    sections = text
  }

  /// The machines of all tunnels: a peer of two tunnels is one machine with addresses in both.
  private static func merged(_ peers: [PeerDraft]) -> [PeerDraft] {
    var merged: [PeerDraft] = []
    var places: [String: Int] = [:]
    for peer in peers {
      guard let place = places[peer.name] else {
        places[peer.name] = merged.count
        merged.append(peer)
        continue
      }
      // A comment adds nothing to a machine that is written.
      if merged[place].isWritten, !peer.isWritten { continue }
      if !merged[place].isWritten, peer.isWritten {
        merged[place] = peer
        continue
      }
      merged[place].addresses += peer.addresses
      merged[place].subnets += peer.subnets
      merged[place].notes += peer.notes
      merged[place].endpoint = (merged[place].endpoint + peer.endpoint).unique
    }
    return merged
  }
}
