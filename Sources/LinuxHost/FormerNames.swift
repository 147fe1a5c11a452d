// SPDX-License-Identifier: GPL-3.0-or-later

extension ServiceManager {
  /// A former name.
  public static func tell(_ state: String) { notify(state) }
}

extension NamespaceMembers {
  /// A former name.
  init(of directory: borrowing ProcessDirectory, kept files: NamespaceFiles, own: UInt64) {
    self.init(of: directory, files: files, own: own)
  }
}
