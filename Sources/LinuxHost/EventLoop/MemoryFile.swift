// SPDX-License-Identifier: GPL-3.0-or-later

internal import CSys
internal import Glibc
public import Netlink

/// Content in memory that is handed to another process and cannot be changed afterwards: memfd_create(2) with all seals.
public enum MemoryFile {
  /// Nothing of the content can change any more, nor can these seals.
  private static let seals =
    Int32(CSYS_F_SEAL_SEAL) | Int32(CSYS_F_SEAL_SHRINK) | Int32(CSYS_F_SEAL_GROW) | Int32(CSYS_F_SEAL_WRITE)

  /// Makes one of these parts, one behind the other. The descriptor is the caller's to close.
  public static func make(_ parts: [[UInt8]]) throws(SystemError) -> Int32 {
    let file = try SystemError.check(
      memfd_create("wgfence", UInt32(CSYS_MFD_CLOEXEC) | UInt32(CSYS_MFD_ALLOW_SEALING)),
      "making a file in memory")
    do throws(SystemError) {
      for part in parts { try fill(file, part) }
      _ = try SystemError.check(
        fcntl(file, Int32(CSYS_F_ADD_SEALS), seals), "sealing a file in memory")
      return file
    } catch {
      close(file)
      throw error
    }
  }

  private static func fill(_ file: Int32, _ bytes: [UInt8]) throws(SystemError) {
    var done = 0
    while done < bytes.count {
      let count = bytes[done...].withUnsafeBytes { write(file, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw SystemError("filling a file in memory", code: errno) }
      done += count
    }
  }

  /// Reads the parts of one that another process sent, which must be all of it. Anything that could still change or block (a
  /// pipe, a file on a disk) is refused, as are other lengths.
  public static func read(_ file: Int32, lengths: [Int]) throws(SystemError) -> [[UInt8]] {
    let what = "reading a file that was handed over"
    let found = fcntl(file, Int32(CSYS_F_GET_SEALS))
    guard found >= 0, found & seals == seals else { throw SystemError(what, code: EPERM) }
    var status = stat()
    guard fstat(file, &status) == 0 else { throw SystemError(what, code: errno) }
    var left = Int(status.st_size)
    for length in lengths {
      guard length >= 0, length <= left else { throw SystemError(what, code: EINVAL) }
      left -= length
    }
    guard left == 0 else { throw SystemError(what, code: EINVAL) }
    var parts: [[UInt8]] = []
    var start = 0
    for length in lengths {
      var bytes = [UInt8](repeating: 0, count: length)
      var done = 0
      while done < length {
        let count = bytes[done...].withUnsafeMutableBytes {
          pread(file, $0.baseAddress, $0.count, off_t(start + done))
        }
        if count < 0, errno == EINTR { continue }
        guard count > 0 else { throw SystemError(what, code: EIO) }
        done += count
      }
      parts.append(bytes)
      start += length
    }
    return parts
  }
}
