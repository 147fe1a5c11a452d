// SPDX-License-Identifier: GPL-3.0-or-later

internal import CMnl
internal import CSys
internal import Glibc

/// A netlink socket that sends one request at a time to the kernel and reads the complete answer. It belongs
/// to the network namespace of the thread that opened it. Source: `linux/netlink.h`, netlink(7).
package struct NetlinkDump: ~Copyable {
  /// The maximum number of attempts for a listing that changes in the meantime.
  static let attempts = 20
  /// The size of the receive buffer in bytes: more than the kernel writes into one datagram of a dump (32
  /// KiB, or a page).
  private static let bufferSize = 128 << 10
  private static let headerSize = 16
  /// The maximum time to wait for an answer, in seconds.
  private static let patience = 5

  private let descriptor: Int32
  private var sequence: UInt32 = 0
  private var buffer: [UInt8]

  /// Opens a socket of a netlink family (`NETLINK_ROUTE`, …). It waits at most `patience` for an answer.
  package init(family: Int) throws(HostReadError) {
    descriptor = try Self.open(family)
    // Not zeroed: an audit opens some for each of a thousand namespaces. Only bytes that were received are read.
    buffer = [UInt8](unsafeUninitializedCapacity: Self.bufferSize) { $1 = Self.bufferSize }
  }

  private static func open(_ family: Int) throws(HostReadError) -> Int32 {
    let attempt = "opening netlink family \(family)"
    let descriptor = socket(
      AF_NETLINK, Int32(SOCK_RAW.rawValue | SOCK_CLOEXEC.rawValue), Int32(family))
    guard descriptor >= 0 else { throw .socket(attempt, errno: errno) }
    let on: Int32 = 1
    // Kernels before 4.12 do not send error texts, but still send error numbers.
    SocketOption.set(descriptor, level: SOL_NETLINK, NETLINK_EXT_ACK, to: on)
    SocketOption.set(descriptor, level: SOL_NETLINK, NETLINK_CAP_ACK, to: on)
    let limit = timeval(tv_sec: patience, tv_usec: 0)
    guard SocketOption.set(descriptor, level: SOL_SOCKET, SO_RCVTIMEO, to: limit) else {
      let code = errno
      close(descriptor)
      throw .socket(attempt, errno: code)
    }
    return descriptor
  }

  deinit { close(descriptor) }

  /// Requests a dump (`NLM_F_DUMP`) and collects the results of `each` for every message, which gets its type
  /// and its bytes after the netlink header. A dump that the kernel marks as inconsistent is discarded and
  /// requested again.
  package mutating func dump<T>(
    _ what: String, type: Int, body: [UInt8],
    each: (_ type: Int, _ payload: ArraySlice<UInt8>) throws(HostReadError) -> T?
  ) throws(HostReadError) -> [T] {
    for attempt in 0..<Self.attempts {
      // Gives the program that makes the changes time to finish.
      if attempt > 0 { usleep(UInt32(attempt) * 1000) }
      var found: [T] = []
      let isConsistent = try exchange(
        what, type: type, flags: Int(CSYS_NLM_F_REQUEST) | Int(CSYS_NLM_F_DUMP), body: body
      ) { (type, payload) throws(HostReadError) in
        if let one = try each(type, payload) { found.append(one) }
      }
      if isConsistent { return found }
    }
    throw .unstable(what, attempts: Self.attempts)
  }

  /// Requests a dump without storing it: every message is passed to `each` when it arrives. Returns false if
  /// the kernel marks the dump as inconsistent; the messages were passed on by then.
  package mutating func stream(
    _ what: String, type: Int, body: [UInt8],
    each: (_ type: Int, _ payload: ArraySlice<UInt8>) throws(HostReadError) -> Void
  ) throws(HostReadError) -> Bool {
    try exchange(
      what, type: type, flags: Int(CSYS_NLM_F_REQUEST) | Int(CSYS_NLM_F_DUMP), body: body, each: each)
  }

  /// Sends a request that is not a dump, and collects the results of `each` for the messages before the
  /// kernel's ACK.
  package mutating func get<T>(
    _ what: String, type: Int, body: [UInt8],
    each: (_ type: Int, _ payload: ArraySlice<UInt8>) throws(HostReadError) -> T?
  ) throws(HostReadError) -> [T] {
    var found: [T] = []
    _ = try exchange(what, type: type, flags: Int(CSYS_NLM_F_REQUEST) | Int(CSYS_NLM_F_ACK), body: body) {
      (type, payload) throws(HostReadError) in
      if let one = try each(type, payload) { found.append(one) }
    }
    return found
  }

  /// Sends a request that changes something, and waits for the kernel's ACK. `flags` are those of `NLM_F_…` besides
  /// `NLM_F_REQUEST` and `NLM_F_ACK`.
  package mutating func change(_ what: String, type: Int, flags: Int, body: [UInt8]) throws(HostReadError) {
    _ = try exchange(
      what, type: type, flags: Int(CSYS_NLM_F_REQUEST) | Int(CSYS_NLM_F_ACK) | flags, body: body
    ) { (_, _) throws(HostReadError) in }
  }

  /// Sends a request and reads the answer to its end. Returns false if the kernel marks the answer as
  /// inconsistent.
  private mutating func exchange(
    _ what: String, type: Int, flags: Int, body: [UInt8],
    each: (_ type: Int, _ payload: ArraySlice<UInt8>) throws(HostReadError) -> Void
  ) throws(HostReadError) -> Bool {
    sequence += 1
    var request: [UInt8] = []
    request.append(number: UInt32(Self.headerSize + body.count))
    request.append(number: UInt16(type))
    request.append(number: UInt16(flags))
    request.append(number: sequence)
    request.append(number: UInt32(0))
    request += body
    let sent = request.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, 0) }
    guard sent == request.count else { throw .socket(what, errno: errno) }

    var isConsistent = true
    while true {
      let taken = buffer.withUnsafeMutableBytes {
        recv(descriptor, $0.baseAddress, $0.count, Int32(MSG_TRUNC))
      }
      if taken < 0 {
        if errno == EINTR { continue }
        throw errno == EAGAIN ? .timedOut(what) : .socket(what, errno: errno)
      }
      guard taken <= buffer.count else { throw .tooLarge(what) }
      var rest = buffer[..<taken]
      while !rest.isEmpty {
        guard let length = rest.number(UInt32.self, at: 0), let type = rest.number(UInt16.self, at: 4),
          let flags = rest.number(UInt16.self, at: 6), let number = rest.number(UInt32.self, at: 8),
          Int(length) >= Self.headerSize, Int(length) <= rest.count
        else { throw .malformed(what) }
        let payload = rest.prefix(Int(length)).dropFirst(Self.headerSize)
        rest = rest.dropFirst((Int(length) + 3) & ~3)
        // The rest of an answer that was abandoned earlier.
        guard number == sequence else { continue }
        if Int(flags) & Int(CSYS_NLM_F_DUMP_INTR) != 0 { isConsistent = false }
        switch Int(type) {
        case Int(CSYS_NLMSG_NOOP): continue
        case Int(CSYS_NLMSG_ERROR), Int(CSYS_NLMSG_DONE):
          let code = payload.number(UInt32.self, at: 0).map { Int32(bitPattern: $0) } ?? 0
          if code == -EINTR { return false }
          if code < 0 {
            throw .refused(what, errno: -code, words: Self.words(type: Int(type), flags: Int(flags), payload))
          }
          return isConsistent
        default: try each(Int(type), payload)
        }
      }
    }
  }

  /// The kernel's text for an error (`NLMSGERR_ATTR_MSG`). It follows the error number and, in `NLMSG_ERROR`,
  /// the header of the request.
  private static func words(type: Int, flags: Int, _ payload: ArraySlice<UInt8>) -> String? {
    guard flags & Int(CSYS_NLM_F_ACK_TLVS) != 0 else { return nil }
    var skipped = 4
    if type == Int(CSYS_NLMSG_ERROR) {
      let echoed =
        flags & Int(CSYS_NLM_F_CAPPED) != 0 ? headerSize : Int(payload.number(UInt32.self, at: 4) ?? 0)
      skipped += (echoed + 3) & ~3
    }
    return AttributeReader(payload.dropFirst(skipped)).first { $0.type == Int(CSYS_NLMSGERR_ATTR_MSG) }?.value
      .text
  }
}
