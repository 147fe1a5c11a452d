// SPDX-License-Identifier: GPL-3.0-or-later

/// A file whose first line contains its type and version, and whose second line contains a digest of all that
/// follows. Files that are damaged, cut or of another version are detected.
enum DigestedFile {
  /// Creates the file's bytes from a content.
  static func wrap(_ magic: String, _ content: [UInt8]) -> [UInt8] {
    Array("\(magic)\ndigest=\(Digest.of(content))\n".utf8) + content
  }

  /// The content of a file's bytes; nil if they are not a complete file of this type and version.
  static func unwrap(_ magic: String, _ bytes: [UInt8]) -> [UInt8]? {
    let head = Array("\(magic)\ndigest=".utf8)
    guard bytes.starts(with: head), let lineEnd = bytes[head.count...].firstIndex(of: UInt8(ascii: "\n"))
    else { return nil }
    let content = Array(bytes[(lineEnd + 1)...])
    return Digest.of(content) == String(decoding: bytes[head.count..<lineEnd], as: UTF8.self) ? content : nil
  }
}
