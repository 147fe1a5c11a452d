// SPDX-License-Identifier: GPL-3.0-or-later

internal import CSys
internal import Glibc
public import Netlink

/// Wakes the thread that waits on its descriptor, from any other thread: eventfd(2).
public final class WakeUp: Sendable {
  /// The descriptor to wait on.
  public let descriptor: Int32

  /// Creates a value that is not raised.
  public init() throws(SystemError) {
    descriptor = try SystemError.check(eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK)), "creating an eventfd")
  }

  deinit { close(descriptor) }

  /// Makes the descriptor readable. Can be called from any thread.
  public func raise() {
    var one: UInt64 = 1
    // It fails only if it is raised already.
    _ = write(descriptor, &one, MemoryLayout<UInt64>.size)
  }

  /// Resets it.
  public func acknowledge() {
    var count: UInt64 = 0
    _ = read(descriptor, &count, MemoryLayout<UInt64>.size)
  }
}
