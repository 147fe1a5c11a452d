// SPDX-License-Identifier: GPL-3.0-or-later

internal import Netlink

/// Names of users, read from `/etc/passwd`: a firewall must not query a name service.
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

/// Numbers of groups, read from `/etc/group`: a firewall must not query a name service. Source: group(5).
enum GroupNames {
  /// The number of a group; nil if there is no group of this name.
  static func number(of name: String) -> UInt32? {
    guard let bytes = try? ProcFile.bytes("/etc/group") else { return nil }
    return number(of: name, in: bytes)
  }

  /// The same, in lines of `name:password:number:members`. A line without a number is skipped.
  static func number(of name: String, in bytes: [UInt8]) -> UInt32? {
    for line in bytes.split(separator: UInt8(ascii: "\n")) {
      let fields = line.split(
        separator: UInt8(ascii: ":"), maxSplits: 3, omittingEmptySubsequences: false)
      guard fields.count > 2, fields[0].elementsEqual(name.utf8) else { continue }
      if let number = UInt32(String(decoding: fields[2], as: UTF8.self)) { return number }
    }
    return nil
  }
}
