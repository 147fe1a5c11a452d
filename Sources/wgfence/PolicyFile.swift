// SPDX-License-Identifier: GPL-3.0-or-later

import ArgumentParser
import Enforcement
import Glibc
import NetworkModel
import PolicyLanguage

/// A policy file on disk, with the files of its lists.
struct PolicyFile {
  let decoded: DecodedPolicy
  /// The policy's own lines.
  let lines: SourceLines
  /// The policy's bytes.
  let bytes: [UInt8]
  /// The files of its lists that could be read, by the names that the policy gives them.
  let lists: [(name: String, bytes: [UInt8])]
  /// A digest of the policy's bytes and of its list files' (FNV-1a, 64 bits): tells one text from another, and is no
  /// protection against one who forges.
  let digest: String

  /// Reads and decodes. A file that cannot be read ends the verb with status 1.
  static func load(_ path: String) throws -> PolicyFile {
    let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? ""
    return try decode(path, FileContent.read(path, limit: policyLimit)) { list in
      FileContent.read(list.hasPrefix("/") ? list : folder + list, limit: listLimit)
    }
  }

  /// The same of a file, or of `REV:path` in a git repository.
  static func load(fileOrRevision path: String) throws -> PolicyFile {
    guard let blob = GitBlob(path) else { return try load(path) }
    return try decode(path, blob.read(limit: policyLimit)) { blob.read($0, limit: listLimit) }
  }

  static let policyLimit = 4 << 20
  static let listLimit = PolicyDecoder.listBytesLimit

  private static func decode(
    _ path: String, _ content: ListFile, list read: (String) -> ListFile
  ) throws -> PolicyFile {
    switch content {
    case .unreadable(let reason):
      Console.error("\(path): \(reason)")
      throw ExitCode(1)
    case .bytes(let bytes):
      var digest = Digest()
      digest.add(bytes)
      var lists: [(name: String, bytes: [UInt8])] = []
      let decoded = PolicyDecoder.decode(bytes: bytes, path: path, today: Today.date) { list in
        let file = read(list)
        if case .bytes(let bytes) = file {
          digest.add(bytes)
          if !lists.contains(where: { $0.name == list }) { lists.append((list, bytes)) }
        }
        return file
      }
      return PolicyFile(
        decoded: decoded, lines: SourceLines(bytes), bytes: bytes, lists: lists, digest: digest.text)
    }
  }

  /// The policy, which must be valid: its errors go to standard error, and end the verb with status 2.
  func validPolicy(_ path: String) throws -> Policy {
    guard decoded.isValid, let policy = decoded.policy else {
      let errors = decoded.diagnostics.filter { $0.severity == .error }
      let style: DiagnosticText.Style = Console.hasColour(STDERR_FILENO) ? .coloured : .plain
      Console.note(DiagnosticText(style: style).render(errors))
      Console.error("\(path) is not valid: \(errors.count) error\(errors.count == 1 ? "" : "s")")
      throw ExitCode(2)
    }
    return policy
  }
}

/// Files, whole.
enum FileContent {
  /// The bytes of a regular file of no more than `limit` bytes, or why there are none.
  static func read(_ path: String, limit: Int) -> ListFile {
    // Not to hang on a pipe that somebody put there.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { return .unreadable(reason: String(cString: strerror(errno))) }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      return .unreadable(reason: String(cString: strerror(errno)))
    }
    guard status.st_mode & S_IFMT == S_IFREG else { return .unreadable(reason: "not a regular file") }
    // One byte more than the limit tells that there is more.
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
