// SPDX-License-Identifier: GPL-3.0-or-later

package import Enforcement
internal import Glibc
internal import NetworkModel

/// A file that is not there yet.
package enum NewFile {
  /// Writes a file that must not exist. A failure says what is there of it.
  package static func write(_ text: String, to path: String) throws(Refusal) {
    let file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
    guard file >= 0 else {
      let reason = errno == EEXIST ? "it is there already, and is not replaced" : words
      throw Refusal("\(path): \(reason)")
    }
    var bytes = Array(text.utf8)[...]
    while !bytes.isEmpty {
      let count = bytes.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw Refusal("\(path): \(words); what is there of it is not whole") }
      bytes = bytes.dropFirst(count)
    }
    guard close(file) == 0 else { throw Refusal("\(path): \(words)") }
  }

  private static var words: String { String(cString: strerror(errno)) }
}

/// Paths as they are named on the command line.
package enum FilePath {
  /// The path from the root of the file system, which another process understands as well.
  package static func absolute(_ path: String) -> String {
    if path.hasPrefix("/") { return path }
    guard let folder = getcwd(nil, 0) else { return path }
    defer { free(folder) }
    return "\(String(cString: folder))/\(path)"
  }
}
