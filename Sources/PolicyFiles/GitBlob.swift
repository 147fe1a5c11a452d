// SPDX-License-Identifier: GPL-3.0-or-later

internal import Glibc
internal import PolicyLanguage

/// A file as a revision of a git repository has it.
struct GitBlob {
  /// The revision in git's syntax (`main`, `HEAD~3`, a commit).
  let revision: String
  /// The file's path from the top of the repository, or from the folder in which git is run if it begins with `./`.
  let path: String
  /// The folder in which git is run; nil: the current one.
  var folder: String?

  /// A file of a revision; `path` is relative to the folder and begins with `./`.
  init(revision: String, path: String, in folder: String) {
    (self.revision, self.path, self.folder) = (revision, path, folder)
  }

  /// Parses `REV:path`. Nil if there is no colon, or if a file with exactly this name exists.
  init?(_ text: String) {
    guard let colon = text.firstIndex(of: ":"), colon != text.startIndex, access(text, F_OK) != 0 else {
      return nil
    }
    revision = String(text[..<colon])
    path = String(text[text.index(after: colon)...])
    // git would take a leading '-' for an option; an empty path is a folder.
    if revision.hasPrefix("-") || path.isEmpty { return nil }
  }

  /// The content of a file in the same folder and revision, at most `limit` bytes, or why it cannot be read. `name`
  /// nil: this file itself.
  package func read(_ name: String? = nil, limit: Int) -> ListFile {
    var file = path
    if let name {
      if name.hasPrefix("/") { return .unreadable(reason: "an absolute path cannot be in a git revision") }
      file = (path.lastIndex(of: "/").map { String(path[...$0]) } ?? "") + name
    }
    let repository: GitRepository
    switch folder.map(GitRepository.around) ?? GitRepository.ofCurrentFolder() {
    case .found(let found): repository = found
    case .none: return .unreadable(reason: "this folder is not in a git repository")
    case .foreign(let reason):
      return .unreadable(
        reason: "\(reason); its configuration could run commands as you. Ask its owner to write the file: "
          + "git show \(revision):\(file) > FILE")
    }
    return repository.git(["cat-file", "blob", "\(revision):\(file)"], in: folder, limit: limit)
  }
}
