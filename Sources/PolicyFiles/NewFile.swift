// SPDX-License-Identifier: GPL-3.0-or-later

package import Enforcement
internal import Glibc
internal import NetworkModel

/// Writes files that do not exist yet.
package enum NewFile {
  /// Writes a file that must not exist, and creates its folder (mode 0755) if only that one is missing. The error says if a
  /// partial file remains.
  package static func write(_ text: String, to path: String) throws(Refusal) {
    if let slash = path.lastIndex(of: "/"), slash > path.startIndex {
      let folder = String(path[..<slash])
      guard mkdir(folder, 0o755) == 0 || errno == EEXIST else { throw Refusal("\(folder): \(words)") }
    }
    let file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
    guard file >= 0 else {
      let reason = errno == EEXIST ? "the file exists and is not overwritten" : words
      throw Refusal("\(path): \(reason)")
    }
    var bytes = Array(text.utf8)[...]
    while !bytes.isEmpty {
      let count = bytes.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw Refusal("\(path): \(words); the file is incomplete") }
      bytes = bytes.dropFirst(count)
    }
    guard close(file) == 0 else { throw Refusal("\(path): \(words)") }
  }

  private static var words: String { String(cString: strerror(errno)) }
}

/// Paths from the command line.
package enum FilePath {
  /// The absolute path, which is valid in another process too.
  package static func absolute(_ path: String) -> String {
    if path.hasPrefix("/") { return path }
    guard let folder = getcwd(nil, 0) else { return path }
    defer { free(folder) }
    let start = String(cString: folder)
    return start == "/" ? "/\(path)" : "\(start)/\(path)"
  }
}
