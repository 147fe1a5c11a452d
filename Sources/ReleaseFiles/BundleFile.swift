// SPDX-License-Identifier: GPL-3.0-or-later

package import Enforcement
internal import Glibc
internal import Netlink
internal import NetworkModel
package import Releases

/// Files of a fleet that a user names: bundles, trust files and public keys. They may come from a channel that somebody else
/// controls: symbolic links are not followed, what is no regular file is not opened, and sizes are limited.
package enum BundleFile {
  /// Reads a bundle.
  package static func read(_ path: String) throws(Refusal) -> (bundle: ReleaseBundle, bytes: [UInt8]) {
    let bytes = try content(path, limit: ReleaseBundle.limit)
    do throws(ReleaseTextError) { return (try ReleaseBundle(bytes), bytes) } catch {
      throw Refusal("\(path): \(error)")
    }
  }

  /// Reads a trust file.
  package static func trust(_ path: String) throws(Refusal) -> TrustFile {
    let bytes = try content(path, limit: TrustFile.limit)
    do throws(ReleaseTextError) { return try TrustFile(bytes) } catch { throw Refusal("\(path): \(error)") }
  }

  /// Reads the public keys of a `.pub` file, or of a file with more lines of this form. Empty lines and comments (`#`) are
  /// left out.
  package static func keys(_ path: String) throws(Refusal) -> [NamedKey] {
    let text = String(decoding: try content(path, limit: TrustFile.limit), as: UTF8.self)
    var keys: [NamedKey] = []
    for (place, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated()
    where !line.isEmpty && !line.hasPrefix("#") {
      do throws(SSHFormatError) { keys.append(try NamedKey(line: String(line))) } catch {
        throw Refusal("\(path):\(place + 1): this is not the public key of an ed25519 key: \(error)")
      }
    }
    guard !keys.isEmpty else { throw Refusal("\(path) has no public key") }
    return keys
  }

  /// Replaces a file as a whole: a channel that copies it gets the old one or the new one.
  package static func write(_ bytes: [UInt8], to path: String) throws(Refusal) {
    do throws(SystemError) { try DurableFile.replace(path, bytes, for: .everyone) } catch {
      throw Refusal("\(error)")
    }
  }

  /// Reads a file; nil if it does not exist.
  package static func contentIfThere(_ path: String, limit: Int) throws(Refusal) -> [UInt8]? {
    do throws(SystemError) { return try DurableFile.read(path, limit: limit) } catch {
      throw Refusal("\(error)")
    }
  }

  private static func content(_ path: String, limit: Int) throws(Refusal) -> [UInt8] {
    guard let bytes = try contentIfThere(path, limit: limit) else {
      throw Refusal("\(path): No such file or directory")
    }
    return bytes
  }
}

extension BundleFile {
  /// Creates a folder if only that one is missing.
  package static func makeFolder(_ path: String) throws(Refusal) {
    guard mkdir(path, 0o755) == 0 || errno == EEXIST else {
      throw Refusal("\(SystemError("creating \(path)", code: errno))")
    }
  }

  /// Writes the policy of a release under a name, and its lists beside it, to a folder. The names of lists are those of the
  /// statement, which do not leave the folder.
  package static func unpack(
    _ statement: Statement, _ bundle: ReleaseBundle, to folder: String, policy name: String
  )
    throws(Refusal)
  {
    try makeFolder(folder)
    for (list, bytes) in zip(statement.lists, bundle.lists) {
      var path = folder
      let parts = list.name.split(separator: "/")
      for part in parts.dropLast() {
        path += "/\(part)"
        try makeFolder(path)
      }
      try write(bytes, to: "\(folder)/\(list.name)")
    }
    try write(bundle.policy, to: "\(folder)/\(name)")
  }
}
