// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel

extension HostSurvey {
  /// Kinds of interfaces (`IFLA_INFO_KIND`) that can lead to another network namespace of the host.
  private static let inwardKinds: Set<String> = [
    "bridge", "veth", "netkit", "ipvlan", "macvlan", "macvtap", "ipvtap", "vlan",
  ]

  /// Whether packets that the host sends out of an interface can arrive in another namespace: directly, or through namespaces
  /// between. A container's address in an overlay network is not reached in this way: its pair ends in a namespace that the
  /// host routes nothing to.
  func leads(_ output: InterfaceName, to other: NamespaceSnapshot) -> Bool {
    // Without attachments nothing is known.
    guard !other.attachments.isEmpty else { return true }
    var (pending, seen, isPartlyUnknown) = ([other], Set([other.identity]), false)
    while let place = pending.popLast() {
      for attachment in place.attachments {
        switch attachment.namespace {
        case host.identity:
          if attachment.link == output || attachment.master == output { return true }
        case let identity?:
          guard seen.insert(identity).inserted else { continue }
          if let next = others.first(where: { $0.identity == identity }) {
            pending.append(next)
          } else {
            isPartlyUnknown = true
          }
        case nil: isPartlyUnknown = true
        }
      }
    }
    guard isPartlyUnknown, let kind = host.snapshot.interface(named: output)?.kind else { return false }
    return Self.inwardKinds.contains(kind)
  }
}
