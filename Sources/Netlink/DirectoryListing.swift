// SPDX-License-Identifier: GPL-3.0-or-later

internal import Glibc

/// Lists the files of a directory.
public enum DirectoryListing {
  /// The names in a directory, sorted; empty if it cannot be read. `.` and `..` are included.
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
}
