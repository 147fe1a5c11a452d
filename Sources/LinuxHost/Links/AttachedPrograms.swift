// SPDX-License-Identifier: GPL-3.0-or-later

internal import CSys
internal import Glibc
internal import NetworkModel

/// BPF programs that see packets and are part of no rule: on interfaces, at the look-up of sockets, and in netfilter's
/// hooks. Kernels that do not know a kind have none of it. Source: `BPF_PROG_QUERY`, `BPF_LINK_GET_NEXT_ID` of
/// `linux/bpf.h`, bpf(2).
enum AttachedPrograms {
  /// Looks at these interfaces of this thread's network namespace, at the namespace, and at netfilter's hooks everywhere.
  static func blindSpots(_ interfaces: [NetworkInterface]) -> [BlindSpot] {
    onInterfaces(interfaces) + socketLookups() + netfilter()
  }

  private static func onInterfaces(_ interfaces: [NetworkInterface]) -> [BlindSpot] {
    var found: [BlindSpot] = []
    attachments: for attachment in BlindSpot.Attachment.allCases {
      let type: UInt32
      switch attachment {
      case .tcxIngress: type = UInt32(CSYS_BPF_TCX_INGRESS)
      case .tcxEgress: type = UInt32(CSYS_BPF_TCX_EGRESS)
      case .netkitPrimary: type = UInt32(CSYS_BPF_NETKIT_PRIMARY)
      case .netkitPeer: type = UInt32(CSYS_BPF_NETKIT_PEER)
      }
      let isNetkit = attachment == .netkitPrimary || attachment == .netkitPeer
      for interface in interfaces where !isNetkit || interface.kind == "netkit" {
        let count = csys_bpf_attached(interface.index, type)
        if count > 0 {
          found.append(.interfacePrograms(interface.name, attachment, count: count))
        } else if count < 0 {
          let errno = Int32(truncatingIfNeeded: -count)
          if errno == ENODEV || errno == ENOENT { continue }
          if isUnknown(errno) { continue attachments }
          found.append(.unseen("BPF programs on interfaces", reason: BlindSpotReader.words(errno)))
          return found
        }
      }
    }
    return found
  }

  private static func socketLookups() -> [BlindSpot] {
    let what = "BPF programs that choose sockets"
    let file = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return [.unseen(what, reason: BlindSpotReader.words(errno))] }
    defer { close(file) }
    let count = csys_bpf_attached(UInt32(bitPattern: file), UInt32(CSYS_BPF_SK_LOOKUP))
    if count >= 0 { return count == 0 ? [] : [.socketLookup(count: count)] }
    let errno = Int32(truncatingIfNeeded: -count)
    return isUnknown(errno) ? [] : [.unseen(what, reason: BlindSpotReader.words(errno))]
  }

  private static func netfilter() -> [BlindSpot] {
    let room = 64
    return withUnsafeTemporaryAllocation(of: csys_netfilter_link.self, capacity: room) { links in
      let count = csys_netfilter_links(links.baseAddress, room)
      guard count >= 0 else {
        let errno = Int32(truncatingIfNeeded: -count)
        return isUnknown(errno)
          ? [] : [.unseen("BPF programs in netfilter's hooks", reason: BlindSpotReader.words(errno))]
      }
      var found: [BlindSpot] = links.prefix(count).map {
        .netfilterProgram(
          family: NetfilterNames.family($0.family), hook: NetfilterNames.hook($0.hook), priority: $0.priority,
          program: $0.program)
      }
      if count > room {
        found.append(.unseen("\(count - room) more BPF programs of netfilter", reason: "too many"))
      }
      return found
    }
  }

  /// What a kernel answers that does not know the command or the kind.
  private static func isUnknown(_ errno: Int32) -> Bool {
    errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP
  }
}
