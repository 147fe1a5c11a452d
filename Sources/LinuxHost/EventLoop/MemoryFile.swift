// SPDX-License-Identifier: GPL-3.0-or-later

internal import CSys
internal import Glibc
public import Netlink

/// A memory file that is passed to another process and cannot be changed afterwards: memfd_create(2) with all
/// seals.
public enum MemoryFile {
  /// The seals that prevent every change of the content, and of the seals themselves.
  private static let seals =
    Int32(CSYS_F_SEAL_SEAL) | Int32(CSYS_F_SEAL_SHRINK) | Int32(CSYS_F_SEAL_GROW) | Int32(CSYS_F_SEAL_WRITE)

  /// Creates a memory file from parts, one after the other. The caller must close the descriptor.
  public static func make(_ parts: [[UInt8]]) throws(SystemError) -> Int32 {
    let file = try SystemError.check(
      memfd_create("wgfence", UInt32(CSYS_MFD_CLOEXEC) | UInt32(CSYS_MFD_ALLOW_SEALING)),
      "creating a memory file")
    do throws(SystemError) {
      for part in parts { try fill(file, part) }
      _ = try SystemError.check(
        fcntl(file, Int32(CSYS_F_ADD_SEALS), seals), "sealing a memory file")
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
      guard count > 0 else { throw SystemError("writing a memory file", code: errno) }
      done += count
    }
  }

  /// Reads the parts of a memory file that another process sent. The lengths must cover the whole file.
  /// Throws if the file could still change or block (a pipe, a file on a disk), or if the lengths differ.
  public static func read(_ file: Int32, lengths: [Int]) throws(SystemError) -> [[UInt8]] {
    let what = "reading a received memory file"
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
