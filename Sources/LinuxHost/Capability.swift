// SPDX-License-Identifier: GPL-3.0-or-later

internal import Glibc
internal import Netlink

/// The capabilities of this process.
public enum Capability {
  /// `CAP_NET_ADMIN` of `linux/capability.h`.
  private static let networkAdministration = 12

  /// Whether the process may read and change rulesets and connections: `CAP_NET_ADMIN` in its effective set,
  /// from `/proc/thread-self/status`.
  public static var isNetworkAdministrator: Bool {
    guard let status = try? ProcFile.text("/proc/thread-self/status") else { return geteuid() == 0 }
    for line in status.split(separator: "\n") where line.hasPrefix("CapEff:") {
      let digits = line.dropFirst(7).drop { $0 == "\t" || $0 == " " }
      return (UInt64(digits, radix: 16) ?? 0) & 1 << networkAdministration != 0
    }
    return geteuid() == 0
  }
}
