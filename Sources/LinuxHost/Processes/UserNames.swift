// SPDX-License-Identifier: GPL-3.0-or-later

internal import Netlink

/// Names of users, from `/etc/passwd` itself: a firewall asks no name service.
public enum UserNames {
  /// The name of a user, or `user N`.
  public static func name(of number: UInt32) -> String {
    let text = (try? ProcFile.text("/etc/passwd")) ?? ""
    for line in text.split(separator: "\n") {
      let fields = line.split(separator: ":", omittingEmptySubsequences: false)
      if fields.count > 2, UInt32(fields[2]) == number { return String(fields[0]) }
    }
    return "user \(number)"
  }
}
