// SPDX-License-Identifier: GPL-3.0-or-later

internal import CSys
internal import Glibc
public import Netlink

/// Waits for many descriptors at once, asleep while nothing happens: epoll(7), level-triggered.
public struct Poller: ~Copyable {
  private let descriptor: Int32

  /// What is waited for. A descriptor's end and its errors are always told.
  public struct Interest: OptionSet, Sendable {
    /// The bits of `EPOLL…`.
    public let rawValue: UInt32
    /// Takes the bits.
    public init(rawValue: UInt32) { self.rawValue = rawValue }
    /// Something can be read.
    public static let reading = Interest(rawValue: UInt32(CSYS_READABLE))
    /// Something can be written.
    public static let writing = Interest(rawValue: UInt32(CSYS_WRITABLE))
  }

  /// A descriptor that is ready.
  public struct Ready: Sendable {
    /// What it was added with.
    public let token: UInt64
    /// What can be done.
    public let interest: Interest
    /// Whether the other side is gone, or the descriptor broken.
    public let isGone: Bool
  }

  /// Opens one.
  public init() throws(SystemError) {
    descriptor = try SystemError.check(csys_epoll_open(), "opening epoll")
  }

  deinit { close(descriptor) }

  /// Waits for a descriptor from now on. It must be removed, or closed, before its token is used again.
  public func add(_ other: Int32, _ interest: Interest, token: UInt64) throws(SystemError) {
    _ = try SystemError.check(csys_epoll_add(descriptor, other, interest.rawValue, token), "waiting")
  }

  /// Waits for other things of it.
  public func change(_ other: Int32, _ interest: Interest, token: UInt64) throws(SystemError) {
    _ = try SystemError.check(csys_epoll_change(descriptor, other, interest.rawValue, token), "waiting")
  }

  /// Forgets a descriptor.
  public func remove(_ other: Int32) { _ = csys_epoll_remove(descriptor, other) }

  /// What is ready, waiting until something is, or for so many milliseconds. Empty when the time is over.
  public func wait(milliseconds: Int32? = nil) throws(SystemError) -> [Ready] {
    let most = 32
    return try withUnsafeTemporaryAllocation(of: csys_ready.self, capacity: most) {
      (space) throws(SystemError) -> [Ready] in
      let count = csys_epoll_wait(descriptor, space.baseAddress, Int32(most), milliseconds ?? -1)
      guard count >= 0 else { throw SystemError("waiting", code: -count) }
      return space.prefix(Int(count)).map {
        Ready(
          token: $0.token, interest: Interest(rawValue: $0.events & UInt32(CSYS_READABLE | CSYS_WRITABLE)),
          isGone: $0.events & UInt32(CSYS_FAILED | CSYS_HUNG_UP) != 0)
      }
    }
  }
}
