// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel

/// The zone `containers` of a machine that does not define it: the bridges of guests (containers and virtual
/// machines) that common programs create.
public enum DefaultContainers {
  /// Docker's bridges. They are in the zone on every machine that does not define it.
  static let docker = ["br-*", "docker0", "docker_gwbridge"].compactMap { InterfacePattern($0) }

  /// The bridges of CNI, Incus, LXC, LXD, nerdctl, podman and libvirt. A machine that has a zone for some of them
  /// has no default for those that have the same beginning.
  private static let others = ["cni*", "incusbr*", "lxcbr*", "lxdbr*", "nerdctl*", "podman*", "virbr*"]
    .compactMap { InterfacePattern($0) }

  /// The interfaces of the zone on a machine that has no zone for any of them.
  public static let interfaces = (docker + others).sorted()

  /// The zone of a machine whose other zones are these.
  static func zone(beside zones: [Zone]) -> Zone {
    let claimed = zones.flatMap(\.interfaces)
    let free = others.filter { bridge in !claimed.contains { $0.overlaps(bridge) } }
    return Zone(name: Zone.containers, interfaces: (docker + free).sorted(), prefixes: [], location: nil)
  }
}
