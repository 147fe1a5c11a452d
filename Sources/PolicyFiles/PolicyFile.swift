// SPDX-License-Identifier: GPL-3.0-or-later

internal import Enforcement
public import PolicyLanguage

/// A policy file on disk, with the files of its lists.
public struct PolicyFile: Sendable {
  /// The decoded policy and its diagnostics.
  public let decoded: DecodedPolicy
  /// The policy's own lines.
  public let lines: SourceLines
  /// The policy's bytes.
  public let bytes: [UInt8]
  /// The files of its lists that could be read, by the names that the policy gives them.
  public let lists: [(name: String, bytes: [UInt8])]
  /// A digest of the bytes of the policy and its list files (FNV-1a, 64 bits). It distinguishes versions; it does not
  /// protect against forgery.
  public let digest: String

  /// Reads and decodes a policy file.
  public static func load(_ path: String) throws(PolicyFileError) -> PolicyFile {
    try decode(path, FileContent.read(path, limit: policyLimit)) { list in
      FileContent.read(place(of: list, besides: path), limit: listLimit)
    }
  }

  /// The path of a list file. Its name in a policy is relative to the policy's folder.
  package static func place(of list: String, besides path: String) -> String {
    if list.hasPrefix("/") { return list }
    return (path.lastIndex(of: "/").map { String(path[...$0]) } ?? "") + list
  }

  /// Reads and decodes a policy file, or `REV:path` in a git repository.
  public static func load(fileOrRevision path: String) throws(PolicyFileError) -> PolicyFile {
    guard let blob = GitBlob(path) else { return try load(path) }
    return try decode(path, blob.read(limit: policyLimit)) { blob.read($0, limit: listLimit) }
  }

  /// The longest policy, in bytes.
  public static let policyLimit = 4 << 20
  /// The longest list file, in bytes.
  public static let listLimit = PolicyDecoder.listBytesLimit

  /// Decodes a policy from its content. `read` returns the content of a list file by its name in the policy.
  package static func decode(
    _ path: String, _ content: ListFile, list read: (String) -> ListFile
  ) throws(PolicyFileError) -> PolicyFile {
    switch content {
    case .unreadable(let reason):
      throw PolicyFileError(path: path, reason: reason)
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
}

/// A policy file that could not be read.
public struct PolicyFileError: Error, Sendable, CustomStringConvertible {
  /// The file's path, as it was given.
  public let path: String
  /// The error message of the system, or of git.
  public let reason: String

  /// `PATH: REASON`.
  public var description: String { "\(path): \(reason)" }
}
