// SPDX-License-Identifier: GPL-3.0-or-later

internal import CSys
internal import Glibc

/// Content in memory that is handed to another process and cannot be changed afterwards: memfd_create(2) with all seals.
public enum MemoryFile {
  /// Makes one of these parts, one behind the other. The descriptor is the caller's to close.
  public static func make(_ parts: [[UInt8]]) throws(SystemError) -> Int32 {
    let file = try SystemError.check(csys_memory_file(), "making a file in memory")
    do throws(SystemError) {
      for part in parts { try fill(file, part) }
      _ = try SystemError.check(csys_seal(file), "sealing a file in memory")
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
    let size = csys_sealed_size(file)
    guard size >= 0 else { throw SystemError(what, code: Int32(-size)) }
    var left = Int(size)
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

  /// The names in a directory, sorted; none where it cannot be read.
  public static func names(in directory: String) -> [String] {
    guard let stream = opendir(directory) else { return [] }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = Glibc.readdir(stream) {
      names.append(
        withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) })
    }
    return names.sorted()
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

/// The service manager, where one started this process and waits to be told: sd_notify(3).
public enum ServiceManager {
  /// Tells it `READY=1`, `RELOADING=1`, `STOPPING=1`, `WATCHDOG=1` or `STATUS=…`, a line each.
  public static func tell(_ state: String) { _ = csys_notify(state) }

  /// How often `WATCHDOG=1` is expected at least, in nanoseconds (`WATCHDOG_USEC`, for this process); nil: not at all.
  public static var watchdog: Int64? {
    guard let text = getenv("WATCHDOG_USEC").map({ String(cString: $0) }), let microseconds = Int64(text),
      microseconds > 0
    else { return nil }
    if let pid = getenv("WATCHDOG_PID").map({ String(cString: $0) }), Int32(pid) != getpid() { return nil }
    return microseconds * 1000
  }
}
