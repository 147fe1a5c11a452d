// SPDX-License-Identifier: GPL-3.0-or-later

internal import Glibc

/// A reserved descriptor. When the process has no descriptor left, releasing it allows one more connection to
/// be accepted, and then to be answered or closed. A connection that is not accepted stays in the queue of
/// its listening socket, which then stays readable.
public struct SpareDescriptor: ~Copyable {
  private var descriptor: Int32 = -1

  /// Reserves a descriptor, if one is available.
  public init() { take() }

  deinit { if descriptor >= 0 { close(descriptor) } }

  /// Reserves a descriptor again after a release.
  public mutating func take() {
    if descriptor < 0 { descriptor = open("/dev/null", O_RDONLY | O_CLOEXEC) }
  }

  /// Whether a descriptor is reserved.
  public var isHeld: Bool { descriptor >= 0 }

  /// Releases the descriptor.
  public mutating func release() {
    if descriptor >= 0 { close(descriptor) }
    descriptor = -1
  }
}
