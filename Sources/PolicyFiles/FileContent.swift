// SPDX-License-Identifier: GPL-3.0-or-later

internal import Glibc
public import PolicyLanguage

/// Reads whole files.
public enum FileContent {
  /// The bytes of a regular file, or why it cannot be read. Of a file larger than `limit` bytes, `limit` + 1 bytes.
  public static func read(_ path: String, limit: Int) -> ListFile {
    // O_NONBLOCK: do not block if the path is a named pipe.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { return .unreadable(reason: String(cString: strerror(errno))) }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      return .unreadable(reason: String(cString: strerror(errno)))
    }
    guard status.st_mode & S_IFMT == S_IFREG else { return .unreadable(reason: "not a regular file") }
    // One byte more than the limit shows that the file is too large.
    var bytes = [UInt8](repeating: 0, count: min(Int(status.st_size) + 1, limit + 1))
    var count = 0
    while count < bytes.count {
      let got = bytes.withUnsafeMutableBytes {
        Glibc.read(descriptor, $0.baseAddress?.advanced(by: count), $0.count - count)
      }
      if got < 0, errno == EINTR { continue }
      if got < 0 { return .unreadable(reason: String(cString: strerror(errno))) }
      if got == 0 { break }
      count += got
      if count == bytes.count, count <= limit {
        bytes.append(contentsOf: repeatElement(0, count: min(count, limit + 1 - count)))
      }
    }
    bytes.removeSubrange(count...)
    return .bytes(bytes)
  }
}
