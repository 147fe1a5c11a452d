// SPDX-License-Identifier: GPL-3.0-or-later

import Enforcement
import Glibc
import Netlink
import Testing

@Suite("Files that survive a power cut")
struct DurableFileTests {
  /// A separate directory for a test. It is deleted with its content.
  private final class Folder {
    let path: String

    init() throws {
      var template = Array("/tmp/wgfence-XXXXXX".utf8CString)
      path = String(cString: try #require(mkdtemp(&template)))
    }

    deinit {
      for name in ["file", "file.new", "other", "lock"] { unlink("\(path)/\(name)") }
      rmdir(path)
    }
  }

  private static func mode(_ path: String) -> mode_t {
    var status = stat()
    return lstat(path, &status) == 0 ? status.st_mode : 0
  }

  /// The errno of a replacement; 0 if it succeeds.
  private static func refusal(_ path: String) -> Int32 {
    do throws(SystemError) {
      try DurableFile.replace(path, [1])
      return 0
    } catch {
      return error.code
    }
  }

  @Test("a content is replaced as a whole, and has the requested permissions")
  func replace() throws {
    let folder = try Folder()
    let path = "\(folder.path)/file"
    let contents: [[UInt8]] = [Array("first".utf8), [], [UInt8](repeating: 7, count: 1 << 20)]
    for bytes in contents {
      try DurableFile.replace(path, bytes)
      #expect(try DurableFile.read(path, limit: 1 << 20) == bytes)
      #expect(Self.mode(path) == S_IFREG | 0o600)
      try DurableFile.replace(path, bytes, for: .everyone)
      #expect(Self.mode(path) == S_IFREG | 0o644)
    }
    #expect(Self.mode("\(path).new") == 0, "the temporary file was renamed")
  }

  @Test("the temporary file of a killed process is replaced, and is not followed if it is a link")
  func leftover() throws {
    let folder = try Folder()
    let (path, other) = ("\(folder.path)/file", "\(folder.path)/other")
    try DurableFile.replace(other, [9])
    #expect(symlink(other, "\(path).new") == 0)
    try DurableFile.replace(path, [1, 2])
    #expect(try DurableFile.read(path, limit: 10) == [1, 2])
    #expect(try DurableFile.read(other, limit: 10) == [9])
    // A link under the name itself is replaced too.
    unlink(path)
    #expect(symlink(other, path) == 0)
    try DurableFile.replace(path, [3])
    #expect(Self.mode(path) & S_IFMT == S_IFREG)
    #expect(try DurableFile.read(other, limit: 10) == [9])
  }

  @Test("a replacement that fails throws the reason, and leaves no file")
  func failure() throws {
    let folder = try Folder()
    #expect(Self.refusal("\(folder.path)/none/file") == ENOENT)
    #expect(Self.refusal("\(folder.path)/\(String(repeating: "x", count: 300))") == ENAMETOOLONG)
    #expect(Self.refusal("/" + String(repeating: "x/", count: 2100)) == ENAMETOOLONG)
    #expect(Self.refusal("\(folder.path)/file\0") == EINVAL)
    // The name is that of a directory.
    #expect(Self.refusal(folder.path) == EISDIR)
    #expect(Self.mode("\(folder.path).new") == 0)
  }

  @Test("a lock is held by one owner at a time, until it is released")
  func lock() throws {
    let folder = try Folder()
    let path = "\(folder.path)/lock"
    let lock = try FileLock(path)
    let isTaken = lock != nil
    #expect(isTaken)
    #expect(Self.mode(path) & 0o7177 == 0)
    let second = try FileLock(path)
    let isTakenTwice = second != nil
    #expect(!isTakenTwice)
    _ = consume lock
    let third = try FileLock(path)
    let isTakenAgain = third != nil
    #expect(isTakenAgain)
    #expect(throws: SystemError.self) { _ = try FileLock("\(folder.path)/none/lock") }
    #expect(symlink("/dev/null", "\(folder.path)/other") == 0)
    #expect(throws: SystemError.self) { _ = try FileLock("\(folder.path)/other") }
  }
}
