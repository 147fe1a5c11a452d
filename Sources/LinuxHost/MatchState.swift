// SPDX-License-Identifier: GPL-3.0-or-later

internal import Glibc
internal import Netlink
internal import NetworkModel
internal import PacketWalk

/// What rules compare packets with beside routes and interfaces: the lists of `recent`, the listeners of queues, the sets of ipset.
final class MatchState {
  /// The queues to which programs listen, by the first number of each line; nil if they cannot be read. Without the file the
  /// kernel has no queues. Source: `seq_show` of `net/netfilter/nfnetlink_queue.c`.
  private lazy var queues: Set<UInt16>? = {
    do throws(HostReadError) {
      let text = try ProcFile.text("/proc/thread-self/net/netfilter/nfnetlink_queue")
      return Set(
        text.split(separator: "\n").compactMap { $0.split(separator: " ").first.flatMap { UInt16($0) } })
    } catch {
      if case .file(_, ENOENT) = error { return [] }
      return nil
    }
  }()

  /// The sets of ipset; nil if no socket can be opened for them.
  private lazy var sets = try? IPSets()

  /// Whether a list of `recent` has an address. Source: `recent_seq_show` of `net/netfilter/xt_recent.c`: a line for each
  /// address, `src=ADDRESS ttl: …`. It is read each time, since packets change it.
  func hasRecent(_ address: IPAddress, in list: String) -> Bool? {
    guard !list.contains("/"), let text = try? ProcFile.text("/proc/thread-self/net/xt_recent/\(list)") else {
      return nil
    }
    return text.split(separator: "\n").contains { line in
      line.hasPrefix("src=") && IPAddress(line.dropFirst(4).prefix { $0 != " " }) == address
    }
  }

  /// Whether a program listens to a queue.
  func hasListener(toQueue number: UInt16) -> Bool? { queues?.contains(number) }

  /// Whether a packet is in a set of ipset, as the kernel says. Nothing is asked before a rule names a set: a question would load
  /// the kernel's module.
  func isInSet(_ question: IPSetQuestion) -> Bool? { sets?.contains(question) }
}
