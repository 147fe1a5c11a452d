// SPDX-License-Identifier: GPL-3.0-or-later

/// The identity of a process: its name, user, unit and container.
public struct ProcessIdentity: Sendable, Hashable {
  /// Its number in the reader's pid namespace.
  public let pid: Int32
  /// Its name, at most 15 bytes (`/proc/PID/comm`). The process chooses it: it can contain any character.
  public let name: String
  /// Its effective user id (the second number of `Uid:` in `/proc/PID/status`); nil if it cannot be read.
  public let userID: UInt32?
  /// The systemd unit that it runs in, such as `postgresql@15-main.service`.
  public let unit: String?
  /// The container that it runs in: 64 hexadecimal digits.
  public let container: String?

  /// An identity from its parts.
  public init(pid: Int32, name: String, userID: UInt32?, unit: String?, container: String?) {
    self.pid = pid
    self.name = name
    self.userID = userID
    self.unit = unit
    self.container = container
  }
}
