// SPDX-License-Identifier: GPL-3.0-or-later

internal import Enforcement
public import PolicyLanguage

/// A policy file on disk, with the files of its lists.
public struct PolicyFile: Sendable {
  /// What the bytes decode to.
  public let decoded: DecodedPolicy
  /// The policy's own lines.
  public let lines: SourceLines
  /// The policy's bytes.
  public let bytes: [UInt8]
  /// The files of its lists that could be read, by the names that the policy gives them.
  public let lists: [(name: String, bytes: [UInt8])]
  /// A digest of the policy's bytes and of its list files' (FNV-1a, 64 bits): tells one text from another, and is no
  /// protection against one who forges.
  public let digest: String

  /// Reads and decodes.
  public static func load(_ path: String) throws(PolicyFileError) -> PolicyFile {
    try decode(path, FileContent.read(path, limit: policyLimit)) { list in
      FileContent.read(place(of: list, besides: path), limit: listLimit)
    }
  }

  /// The path of a list's file, whose name in a policy is relative to the policy's folder.
  package static func place(of list: String, besides path: String) -> String {
    if list.hasPrefix("/") { return list }
    return (path.lastIndex(of: "/").map { String(path[...$0]) } ?? "") + list
  }

  /// The same of a file, or of `REV:path` in a git repository.
  public static func load(fileOrRevision path: String) throws(PolicyFileError) -> PolicyFile {
    guard let blob = GitBlob(path) else { return try load(path) }
    return try decode(path, blob.read(limit: policyLimit)) { blob.read($0, limit: listLimit) }
  }

  /// The longest policy, in bytes.
  public static let policyLimit = 4 << 20
  /// The longest list file, in bytes.
  public static let listLimit = PolicyDecoder.listBytesLimit

  /// Decodes a policy of these bytes, with the content of its lists' files by the names in the policy.
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
  /// The file, as it was named.
  public let path: String
  /// The system's words, or git's.
  public let reason: String

  /// `PATH: REASON`.
  public var description: String { "\(path): \(reason)" }
}
