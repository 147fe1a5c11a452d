// SPDX-License-Identifier: GPL-3.0-or-later

internal import CSys
internal import Glibc
internal import Netlink
internal import NetworkModel

/// BPF programs that process packets and are not part of a rule: on interfaces, at the lookup of sockets, and
/// in netfilter's hooks. A kernel that does not know a type has no such programs. Source: `BPF_PROG_QUERY`,
/// `BPF_LINK_GET_NEXT_ID` of `linux/bpf.h`, bpf(2).
enum AttachedPrograms {
  /// Searches these interfaces of this thread's network namespace, the namespace itself, and netfilter's
  /// hooks in all namespaces.
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
        do throws(SystemError) {
          let count = try BPFPrograms.count(attachedTo: interface.index, kind: type)
          if count > 0 { found.append(.interfacePrograms(interface.name, attachment, count: count)) }
        } catch {
          if error.code == ENODEV || error.code == ENOENT { continue }
          if isUnknown(error.code) { continue attachments }
          found.append(.unseen("BPF programs on interfaces", reason: BlindSpotReader.words(error.code)))
          return found
        }
      }
    }
    return found
  }

  private static func socketLookups() -> [BlindSpot] {
    let what = "BPF programs that select sockets"
    let file = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return [.unseen(what, reason: BlindSpotReader.words(errno))] }
    defer { close(file) }
    do throws(SystemError) {
      let count = try BPFPrograms.count(
        attachedTo: UInt32(bitPattern: file), kind: UInt32(CSYS_BPF_SK_LOOKUP))
      return count == 0 ? [] : [.socketLookup(count: count)]
    } catch {
      return isUnknown(error.code) ? [] : [.unseen(what, reason: BlindSpotReader.words(error.code))]
    }
  }

  private static func netfilter() -> [BlindSpot] {
    /// The maximum number of programs that are reported individually.
    let most = 64
    var found: [BlindSpot] = []
    var count = 0
    do throws(SystemError) {
      try BPFPrograms.netfilter {
        count += 1
        guard count <= most else { return }
        found.append(
          .netfilterProgram(
            family: NetfilterNames.family($0.family), hook: NetfilterNames.hook($0.hook),
            priority: $0.priority, program: $0.program))
      }
    } catch {
      return isUnknown(error.code)
        ? [] : [.unseen("BPF programs in netfilter's hooks", reason: BlindSpotReader.words(error.code))]
    }
    if count > most {
      found.append(.unseen("\(count - most) more BPF programs of netfilter", reason: "too many"))
    }
    return found
  }

  /// The errors of a kernel that does not know the command or the type.
  private static func isUnknown(_ errno: Int32) -> Bool {
    errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP
  }
}
