// SPDX-License-Identifier: GPL-3.0-or-later

internal import Glibc
internal import PolicyLanguage

/// The git repository around a folder, and whether it may be read.
///
/// Git's own check of the owner has exceptions (`safe.directory`, `SUDO_UID` for root) and is missing before 2.35.2: who
/// owns a repository decides what its configuration makes git run, so here there are none.
struct GitRepository {
  /// The folder above it; nothing from there on is looked at.
  let parent: String

  /// What was found.
  enum Finding {
    case found(GitRepository)
    case none
    /// It belongs to another user: who, in a sentence.
    case foreign(String)
  }

  /// The repository around the folder in which this runs.
  static func ofCurrentFolder() -> Finding {
    guard let path = realpath(".", nil) else { return .none }
    defer { free(path) }
    return around(String(cString: path))
  }

  /// The repository around a folder, whose path has no symbolic links: the first folder upwards with a `.git`, or that is
  /// a repository itself.
  static func around(_ folder: String) -> Finding {
    var folder = folder
    while true {
      let parent = folder.lastIndex(of: "/").map { String(folder[..<$0]) } ?? ""
      let git = "\(folder == "/" ? "" : folder)/.git"
      if let type = fileType(git) {
        // A work tree beside its repository has a file that says where that is (gitrepository-layout(5)).
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

  /// Whether a work tree and the folders of its repository are this user's, their configuration included.
  private static func judge(_ tree: [String], _ repository: [String], _ parent: String) -> Finding {
    let user = geteuid()
    for place in tree + repository + repository.flatMap({ ["\($0)/config", "\($0)/config.worktree"] }) {
      // Neither a link nor what it leads to may be another's.
      var (link, file) = (stat(), stat())
      let owners =
        (lstat(place, &link) == 0 ? [link.st_uid] : []) + (stat(place, &file) == 0 ? [file.st_uid] : [])
      if let owner = owners.first(where: { $0 != user }) {
        return .foreign("\(place) belongs to user \(owner), and you are user \(user)")
      }
    }
    return .found(GitRepository(parent: parent.isEmpty ? "/" : parent))
  }

  /// The type of a file, links followed; nil where there is none.
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
