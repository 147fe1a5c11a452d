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
    public static let reading = Interest(rawValue: EPOLLIN.rawValue)
    /// Something can be written.
    public static let writing = Interest(rawValue: EPOLLOUT.rawValue)
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
    descriptor = try SystemError.check(epoll_create1(Int32(EPOLL_CLOEXEC)), "opening epoll")
  }

  deinit { close(descriptor) }

  /// Waits for a descriptor from now on. It must be removed, or closed, before its token is used again.
  public func add(_ other: Int32, _ interest: Interest, token: UInt64) throws(SystemError) {
    _ = try SystemError.check(control(EPOLL_CTL_ADD, other, interest, token), "waiting")
  }

  /// Waits for other things of it.
  public func change(_ other: Int32, _ interest: Interest, token: UInt64) throws(SystemError) {
    _ = try SystemError.check(control(EPOLL_CTL_MOD, other, interest, token), "waiting")
  }

  /// Forgets a descriptor.
  public func remove(_ other: Int32) { _ = control(EPOLL_CTL_DEL, other, [], 0) }

  private func control(_ operation: Int32, _ other: Int32, _ interest: Interest, _ token: UInt64) -> Int32 {
    var event = epoll_event(events: interest.rawValue, data: epoll_data_t(u64: token))
    return epoll_ctl(descriptor, operation, other, &event)
  }

  /// What is ready, waiting until something is, or for so many milliseconds. Empty when the time is over, and on a signal.
  public func wait(milliseconds: Int32? = nil) throws(SystemError) -> [Ready] {
    let most = 32
    return try withUnsafeTemporaryAllocation(of: epoll_event.self, capacity: most) {
      (space) throws(SystemError) -> [Ready] in
      let count = epoll_wait(descriptor, space.baseAddress, Int32(most), milliseconds ?? -1)
      guard count >= 0 else {
        if errno == EINTR { return [] }
        throw SystemError("waiting", code: errno)
      }
      let possible: Interest = [.reading, .writing]
      return space.prefix(Int(count)).map {
        Ready(
          token: $0.data.u64, interest: possible.intersection(Interest(rawValue: $0.events)),
          isGone: $0.events & (EPOLLERR.rawValue | EPOLLHUP.rawValue) != 0)
      }
    }
  }
}
