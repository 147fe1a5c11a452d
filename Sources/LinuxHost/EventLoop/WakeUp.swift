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
    descriptor = try SystemError.check(eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK)), "making an event")
  }

  deinit { close(descriptor) }

  /// Makes it readable, from any thread.
  public func raise() {
    var one: UInt64 = 1
    // It fails only where it was raised already.
    _ = write(descriptor, &one, MemoryLayout<UInt64>.size)
  }

  /// Takes note that it was raised.
  public func acknowledge() {
    var count: UInt64 = 0
    _ = read(descriptor, &count, MemoryLayout<UInt64>.size)
  }
}
