// SPDX-License-Identifier: GPL-3.0-or-later

internal import Glibc
public import Netlink

/// Files that must survive a power cut.
public enum DurableFile {
  /// The users who may read a file. Only its owner may write it.
  public enum Readers: UInt32, Sendable {
    case owner = 0o600
    case everyone = 0o644
  }

  /// Replaces a file's content. At any time, also after a crash, the file has either the old content or the
  /// new one, complete.
  public static func replace(_ path: String, _ bytes: [UInt8], for readers: Readers = .owner)
    throws(SystemError)
  {
    let attempt = "writing \(path)"
    // A zero byte would end the path for the kernel, and the temporary file would have the name of the old
    // one.
    guard !path.utf8.contains(0) else { throw SystemError(attempt, code: EINVAL) }
    let fresh = "\(path).new"
    // Delete the temporary file of a killed process.
    if unlink(fresh) != 0, errno != ENOENT { throw SystemError(attempt, code: errno) }
    let flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW
    let file = try SystemError.check(open(fresh, flags, readers.rawValue), attempt)
    var code = fchmod(file, readers.rawValue) == 0 ? fill(file, bytes) : errno
    if code == 0, fsync(file) != 0 { code = errno }
    if close(file) != 0, code == 0 { code = errno }
    if code == 0, rename(fresh, path) != 0 { code = errno }
    if code != 0 {
      unlink(fresh)
      throw SystemError(attempt, code: code)
    }
    try syncDirectory(of: path, attempt)
  }

  /// Writes all bytes. Returns 0, or errno.
  private static func fill(_ file: Int32, _ bytes: [UInt8]) -> Int32 {
    var done = 0
    while done < bytes.count {
      let count = bytes[done...].withUnsafeBytes { write(file, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      if count < 0 { return errno }
      if count == 0 { return ENOSPC }
      done += count
    }
    return 0
  }

  /// Makes a change of a directory entry durable: fsync(2) of the directory.
  private static func syncDirectory(of path: String, _ attempt: String) throws(SystemError) {
    let directory: String
    switch path.utf8.lastIndex(of: UInt8(ascii: "/")) {
    case nil: directory = "."
    case path.startIndex: directory = "/"
    case let slash?: directory = String(path[..<slash])
    }
    let file = try SystemError.check(open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC), attempt)
    defer { close(file) }
    _ = try SystemError.check(fsync(file), attempt)
  }

  /// Reads a regular file of at most `limit` bytes; nil if it does not exist.
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

  /// Whether anything has this path. True if that cannot be determined.
  public static func exists(_ path: String) -> Bool {
    var status = stat()
    return lstat(path, &status) == 0 || (errno != ENOENT && errno != ENOTDIR)
  }

  /// Creates a directory with access for its owner only, if it does not exist. It survives a power cut.
  public static func makeDirectory(_ path: String) throws(SystemError) {
    if mkdir(path, 0o700) == 0 { return try syncDirectory(of: path, "creating \(path)") }
    if errno != EEXIST { throw SystemError("creating \(path)", code: errno) }
  }

  /// Deletes a file, if it exists.
  public static func remove(_ path: String) throws(SystemError) {
    if unlink(path) != 0, errno != ENOENT { throw SystemError("removing \(path)", code: errno) }
  }
}

/// A file that one process at a time can lock: flock(2). The lock is released with the value, or when the
/// process ends.
public struct FileLock: ~Copyable {
  private let descriptor: Int32

  /// Takes the lock. Nil if another process has it.
  public init?(_ path: String) throws(SystemError) {
    let attempt = "locking \(path)"
    let file = try SystemError.check(open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600), attempt)
    guard flock(file, LOCK_EX | LOCK_NB) == 0 else {
      let code = errno
      close(file)
      if code == EWOULDBLOCK { return nil }
      throw SystemError(attempt, code: code)
    }
    descriptor = file
  }

  deinit { close(descriptor) }
}
