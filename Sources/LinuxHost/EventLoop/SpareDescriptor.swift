// SPDX-License-Identifier: GPL-3.0-or-later

internal import Glibc

/// A descriptor that is held for nothing but its number: where a process has none left, giving it up lets one more connection
/// be accepted, to be answered or closed. A connection that is not accepted stays in the queue of its listening socket, which
/// then is readable without end.
public struct SpareDescriptor: ~Copyable {
  private var descriptor: Int32 = -1

  /// Takes one, if there is one.
  public init() { take() }

  deinit { if descriptor >= 0 { close(descriptor) } }

  /// Takes one where it was given up.
  public mutating func take() {
    if descriptor < 0 { descriptor = open("/dev/null", O_RDONLY | O_CLOEXEC) }
  }

  /// Whether it is held.
  public var isHeld: Bool { descriptor >= 0 }

  /// Gives it up.
  public mutating func release() {
    if descriptor >= 0 { close(descriptor) }
    descriptor = -1
  }
}
