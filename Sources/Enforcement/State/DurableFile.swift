// SPDX-License-Identifier: GPL-3.0-or-later

internal import CSys
internal import Glibc
public import Netlink

/// Files that must survive a power cut.
public enum DurableFile {
  /// Who may read a file; its owner alone may write it.
  public enum Readers: UInt32, Sendable {
    case owner = 0o600
    case everyone = 0o644
  }

  /// Puts a content under a name: at every moment, also after a crash, there is the old content or the new one, whole.
  public static func replace(_ path: String, _ bytes: [UInt8], for readers: Readers = .owner)
    throws(SystemError)
  {
    let error = bytes.withUnsafeBytes {
      csys_replace_file(path, $0.baseAddress, $0.count, readers.rawValue)
    }
    _ = try SystemError.check(error, "writing \(path)")
  }

  /// Reads a regular file of no more than so many bytes; nil where there is none.
  public static func read(_ path: String, limit: Int) throws(SystemError) -> [UInt8]? {
    let file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW)
    guard file >= 0 else {
      if errno == ENOENT { return nil }
      throw SystemError("reading \(path)", code: errno)
    }
    defer { close(file) }
    var status = stat()
    guard fstat(file, &status) == 0 else { throw SystemError("reading \(path)", code: errno) }
    guard status.st_mode & S_IFMT == S_IFREG else { throw SystemError("reading \(path)", code: EINVAL) }
    guard Int(status.st_size) <= limit else { throw SystemError("reading \(path)", code: EFBIG) }
    var bytes = [UInt8](repeating: 0, count: Int(status.st_size))
    var done = 0
    while done < bytes.count {
      let count = bytes[done...].withUnsafeMutableBytes { Glibc.read(file, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      if count < 0 { throw SystemError("reading \(path)", code: errno) }
      if count == 0 { break }
      done += count
    }
    bytes.removeSubrange(done...)
    return bytes
  }

  /// Makes a directory for the owner alone, if it is not there yet.
  public static func makeDirectory(_ path: String) throws(SystemError) {
    guard mkdir(path, 0o700) != 0, errno != EEXIST else { return }
    throw SystemError("making \(path)", code: errno)
  }

  /// Removes a file; one that is not there is no error.
  public static func remove(_ path: String) throws(SystemError) {
    if unlink(path) != 0, errno != ENOENT { throw SystemError("removing \(path)", code: errno) }
  }
}

/// A file that one process at a time holds: flock(2). It is let go with the value, or when the process ends.
public struct FileLock: ~Copyable {
  private let descriptor: Int32

  /// Takes it. Nil where another process has it.
  public init?(_ path: String) throws(SystemError) {
    let opened = csys_lock_file(path)
    if opened == -EWOULDBLOCK { return nil }
    descriptor = try SystemError.check(opened, "locking \(path)")
  }

  deinit { close(descriptor) }
}
