// SPDX-License-Identifier: GPL-3.0-or-later

internal import CSys
internal import Glibc
public import Netlink

/// Wakes the thread that waits on it, from any other: eventfd(2).
public final class WakeUp: Sendable {
  /// To wait on.
  public let descriptor: Int32

  /// One that was not raised yet.
  public init() throws(SystemError) {
    descriptor = try SystemError.check(csys_event_open(), "making an event")
  }

  deinit { close(descriptor) }

  /// Makes it readable, from any thread.
  public func raise() { csys_event_raise(descriptor) }

  /// Takes note that it was raised.
  public func acknowledge() { csys_event_take(descriptor) }
}
