// SPDX-License-Identifier: GPL-3.0-or-later

internal import CSys
internal import Glibc

/// Files and directories below `/proc`. They are read to the end, because their size is not reported.
package enum ProcFile {
  /// The maximum size in bytes. No file that is read here is larger: `/proc/PID/environ` is bounded by the
  /// kernel's limit for arguments.
  private static let limit = 8 << 20

  /// Reads the bytes of a file.
  package static func bytes(_ path: String) throws(HostReadError) -> [UInt8] {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw .file(path: path, errno: errno) }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: 4096)
    var length = 0
    while true {
      if length == bytes.count {
        guard length < limit else { throw .tooLarge(path) }
        bytes += [UInt8](repeating: 0, count: bytes.count)
      }
      let taken = bytes.withUnsafeMutableBytes {
        read(descriptor, $0.baseAddress.map { $0 + length }, $0.count - length)
      }
      if taken == 0 { return Array(bytes[..<length]) }
      if taken < 0 {
        if errno == EINTR { continue }
        throw .file(path: path, errno: errno)
      }
      length += taken
    }
  }

  /// Reads the text of a file; bytes that are not valid UTF-8 are replaced by U+FFFD.
  package static func text(_ path: String) throws(HostReadError) -> String {
    String(decoding: try bytes(path), as: UTF8.self)
  }

  /// Calls `each` with the names in an open directory that are numbers. Returns 0, or errno.
  package static func numbers(in directory: Int32, each: (UInt32) -> Void) -> Int32 {
    withUnsafeTemporaryAllocation(byteCount: 32 << 10, alignment: 8) { buffer in
      while true {
        let taken = getdents64(directory, buffer.baseAddress, buffer.count)
        if taken <= 0 { return taken == 0 ? 0 : errno }
        var start = 0
        while start < taken {
          let length = buffer.loadUnaligned(
            fromByteOffset: start + Int(CSYS_DIRENT64_RECLEN), as: UInt16.self)
          let name = UnsafeRawBufferPointer(buffer)[(start + Int(CSYS_DIRENT64_NAME))..<(start + Int(length))]
          if let number = number(name) { each(number) }
          start += Int(length)
        }
      }
    }
  }

  /// The decimal number before the terminating zero byte; nil if there is any other byte.
  private static func number(_ bytes: Slice<UnsafeRawBufferPointer>) -> UInt32? {
    var number: UInt32 = 0
    var digits = 0
    for byte in bytes {
      if byte == 0 { break }
      guard byte >= 0x30, byte <= 0x39, digits < 9 else { return nil }
      number = number * 10 + UInt32(byte - 0x30)
      digits += 1
    }
    return digits > 0 ? number : nil
  }
}
