// SPDX-License-Identifier: GPL-3.0-or-later

internal import Glibc
internal import PolicyLanguage

/// The git repository around a folder, and whether it may be read.
///
/// The owner of a repository decides which commands its configuration makes git run. Git's own check of the owner has
/// exceptions (`safe.directory`, `SUDO_UID` for root) and does not exist before 2.35.2; this check has no exceptions.
struct GitRepository {
  /// The folder above it. git does not search from there upwards.
  let parent: String

  /// The result of the search.
  enum Finding {
    case found(GitRepository)
    case none
    /// It belongs to another user, with a sentence that says which.
    case foreign(String)
  }

  /// The repository around the folder in which this runs.
  static func ofCurrentFolder() -> Finding {
    guard let path = realpath(".", nil) else { return .none }
    defer { free(path) }
    return around(String(cString: path))
  }

  /// The repository around a folder whose path has no symbolic links: the first folder upwards that has a `.git` or
  /// is a repository itself.
  static func around(_ folder: String) -> Finding {
    var folder = folder
    while true {
      let parent = folder.lastIndex(of: "/").map { String(folder[..<$0]) } ?? ""
      let git = "\(folder == "/" ? "" : folder)/.git"
      if let type = fileType(git) {
        // `.git` can be a file that names the repository's folder (gitrepository-layout(5)).
        return judge([folder, git], type == S_IFDIR ? [git] : pointed(by: git, in: folder), parent)
      }
      if ["objects", "refs"].allSatisfy({ fileType("\(folder)/\($0)") == S_IFDIR }),
        fileType("\(folder)/HEAD") != nil
      {
        return judge([], [folder], parent)
      }
      if folder == "/" || folder.isEmpty { return .none }
      folder = parent.isEmpty ? "/" : parent
    }
  }

  /// Checks that a work tree, its repository's folders and their configuration files belong to this user.
  private static func judge(_ tree: [String], _ repository: [String], _ parent: String) -> Finding {
    let user = geteuid()
    for place in tree + repository + repository.flatMap({ ["\($0)/config", "\($0)/config.worktree"] }) {
      // Neither a link nor its target may belong to another user.
      var (link, file) = (stat(), stat())
      let owners =
        (lstat(place, &link) == 0 ? [link.st_uid] : []) + (stat(place, &file) == 0 ? [file.st_uid] : [])
      if let owner = owners.first(where: { $0 != user }) {
        return .foreign("\(place) belongs to user \(owner), and you are user \(user)")
      }
    }
    return .found(GitRepository(parent: parent.isEmpty ? "/" : parent))
  }

  /// The type of a file, following links; nil if there is none.
  private static func fileType(_ path: String) -> mode_t? {
    var status = stat()
    return stat(path, &status) == 0 ? status.st_mode & S_IFMT : nil
  }

  /// The folder that `gitdir: PATH` names, and the one that its `commondir` names.
  private static func pointed(by file: String, in folder: String) -> [String] {
    func line(_ path: String) -> String? {
      guard case .bytes(let bytes) = FileContent.read(path, limit: 4096) else { return nil }
      return String(decoding: bytes.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
    }
    func resolved(_ path: String, in folder: String) -> String {
      path.hasPrefix("/") ? path : "\(folder)/\(path)"
    }
    let prefix = "gitdir: "
    guard let text = line(file), text.hasPrefix(prefix) else { return [] }
    let place = resolved(String(text.dropFirst(prefix.count)), in: folder)
    let common = line("\(place)/commondir").map { resolved($0, in: place) }
    return [place] + (common.map { [$0] } ?? [])
  }
}
