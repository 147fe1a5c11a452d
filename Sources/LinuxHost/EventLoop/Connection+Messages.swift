// SPDX-License-Identifier: GPL-3.0-or-later

internal import CSys
internal import Glibc

/// Sending and receiving bytes with descriptors in a control message (`SCM_RIGHTS`): sendmsg(2), recvmsg(2),
/// cmsg(3), unix(7).
extension Connection {
  /// The result of an attempt to receive.
  public enum Received: Sendable {
    /// Bytes, and the descriptor that came with them. The caller must close it.
    case bytes([UInt8], file: Int32?)
    /// There is nothing to receive yet.
    case nothing
    /// The peer closed the connection, or sent descriptors that were not expected. These descriptors are
    /// closed.
    case end
  }

  /// The number of descriptors that the peer may send with some bytes. The kernel closes additional ones.
  public enum Files: Sendable {
    case none
    case one
  }

  /// Receives at most `limit` bytes.
  public func receive(atMost limit: Int, files: Files = .none) -> Received {
    var bytes = [UInt8](repeating: 0, count: limit)
    var file: Int32?
    var (isCut, code): (Bool, Int32) = (false, 0)
    let got = bytes.withUnsafeMutableBytes { space in
      withMessage(space) { (message, control) -> Int in
        if files == .one {
          message.msg_control = control.baseAddress
          // Not CMSG_SPACE: its padding is room for a second descriptor, which the kernel would use.
          message.msg_controllen = Int(CSYS_DESCRIPTOR_LENGTH)
        }
        var got: Int
        repeat {
          got = recvmsg(descriptor, &message, Int32(MSG_CMSG_CLOEXEC))
        } while got < 0 && errno == EINTR
        if got < 0 {
          code = errno
          return got
        }
        file = Self.descriptor(in: UnsafeRawBufferPointer(control).prefix(Int(message.msg_controllen)))
        isCut = message.msg_flags & Int32(MSG_CTRUNC) != 0
        return got
      }
    }
    if got < 0, code == EAGAIN { return .nothing }
    guard got > 0, !isCut else {
      if let file { close(file) }
      return .end
    }
    bytes.removeSubrange(got...)
    return .bytes(bytes, file: file)
  }

  /// Sends as many bytes as possible without blocking, and the descriptor with the first byte. Returns the
  /// number of bytes sent; nil if the peer closed the connection.
  public func send(_ bytes: ArraySlice<UInt8>, file: Int32? = nil) -> Int? {
    if bytes.isEmpty { return 0 }
    var code: Int32 = 0
    let sent = bytes.withUnsafeBytes { content in
      // The kernel only reads.
      withMessage(UnsafeMutableRawBufferPointer(mutating: content)) { (message, control) -> Int in
        if let file {
          var header = cmsghdr()
          header.cmsg_level = SOL_SOCKET
          header.cmsg_type = Int32(SCM_RIGHTS)
          header.cmsg_len = Int(CSYS_DESCRIPTOR_LENGTH)
          control.storeBytes(of: header, as: cmsghdr.self)
          control.storeBytes(of: file, toByteOffset: MemoryLayout<cmsghdr>.size, as: Int32.self)
          message.msg_control = control.baseAddress
          message.msg_controllen = control.count
        }
        var sent: Int
        repeat { sent = sendmsg(descriptor, &message, Int32(MSG_NOSIGNAL)) } while sent < 0 && errno == EINTR
        if sent < 0 { code = errno }
        return sent
      }
    }
    if sent < 0, code == EAGAIN { return 0 }
    return sent < 0 ? nil : sent
  }

  /// Calls `body` with a message with these bytes and without a control message, and with zeroed memory for a
  /// control message with one descriptor.
  private func withMessage<Result>(
    _ bytes: UnsafeMutableRawBufferPointer,
    _ body: (inout msghdr, UnsafeMutableRawBufferPointer) -> Result
  ) -> Result {
    let alignment = MemoryLayout<cmsghdr>.alignment
    return withUnsafeTemporaryAllocation(byteCount: Int(CSYS_DESCRIPTOR_SPACE), alignment: alignment) {
      control in
      control.initializeMemory(as: UInt8.self, repeating: 0)
      var part = iovec(iov_base: bytes.baseAddress, iov_len: bytes.count)
      return withUnsafeMutablePointer(to: &part) {
        var message = msghdr()
        message.msg_iov = $0
        message.msg_iovlen = 1
        return body(&message, control)
      }
    }
  }

  /// The descriptor in the control messages that the kernel wrote, which had space for one.
  private static func descriptor(in control: Slice<UnsafeRawBufferPointer>) -> Int32? {
    let bytes = UnsafeRawBufferPointer(rebasing: control)
    guard bytes.count >= Int(CSYS_DESCRIPTOR_LENGTH) else { return nil }
    let header = bytes.load(as: cmsghdr.self)
    guard header.cmsg_level == SOL_SOCKET, header.cmsg_type == Int32(SCM_RIGHTS),
      header.cmsg_len >= Int(CSYS_DESCRIPTOR_LENGTH)
    else { return nil }
    return bytes.load(fromByteOffset: MemoryLayout<cmsghdr>.size, as: Int32.self)
  }
}
