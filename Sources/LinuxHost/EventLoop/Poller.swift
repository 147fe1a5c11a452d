// SPDX-License-Identifier: GPL-3.0-or-later

internal import CSys
internal import Glibc
public import Netlink

/// Waits for many descriptors at once, without using the CPU while nothing happens: epoll(7),
/// level-triggered.
public struct Poller: ~Copyable {
  private let descriptor: Int32

  /// The events to wait for. Hang-ups and errors are always reported.
  public struct Interest: OptionSet, Sendable {
    /// The bits `EPOLL…`.
    public let rawValue: UInt32
    /// Creates a value from the bits.
    public init(rawValue: UInt32) { self.rawValue = rawValue }
    /// The descriptor is readable.
    public static let reading = Interest(rawValue: EPOLLIN.rawValue)
    /// The descriptor is writable.
    public static let writing = Interest(rawValue: EPOLLOUT.rawValue)
  }

  /// A descriptor that is ready.
  public struct Ready: Sendable {
    /// The token with which it was added.
    public let token: UInt64
    /// The events.
    public let interest: Interest
    /// Whether the peer closed the connection, or the descriptor has an error.
    public let isGone: Bool
  }

  /// Opens an epoll instance.
  public init() throws(SystemError) {
    descriptor = try SystemError.check(epoll_create1(Int32(EPOLL_CLOEXEC)), "opening epoll")
  }

  deinit { close(descriptor) }

  /// Adds a descriptor. It must be removed, or closed, before its token is used again.
  public func add(_ other: Int32, _ interest: Interest, token: UInt64) throws(SystemError) {
    _ = try SystemError.check(control(EPOLL_CTL_ADD, other, interest, token), "waiting for events")
  }

  /// Changes the events to wait for.
  public func change(_ other: Int32, _ interest: Interest, token: UInt64) throws(SystemError) {
    _ = try SystemError.check(control(EPOLL_CTL_MOD, other, interest, token), "waiting for events")
  }

  /// Removes a descriptor.
  public func remove(_ other: Int32) { _ = control(EPOLL_CTL_DEL, other, [], 0) }

  private func control(_ operation: Int32, _ other: Int32, _ interest: Interest, _ token: UInt64) -> Int32 {
    var event = epoll_event(events: interest.rawValue, data: epoll_data_t(u64: token))
    return epoll_ctl(descriptor, operation, other, &event)
  }

  /// Waits until a descriptor is ready, at most `milliseconds`. Empty if the time expired, and after a
  /// signal.
  public func wait(milliseconds: Int32? = nil) throws(SystemError) -> [Ready] {
    let most = 32
    return try withUnsafeTemporaryAllocation(of: epoll_event.self, capacity: most) {
      (space) throws(SystemError) -> [Ready] in
      let count = epoll_wait(descriptor, space.baseAddress, Int32(most), milliseconds ?? -1)
      guard count >= 0 else {
        if errno == EINTR { return [] }
        throw SystemError("waiting for events", code: errno)
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
