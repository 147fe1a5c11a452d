// SPDX-License-Identifier: GPL-3.0-or-later

import Glibc
import PolicyLanguage

/// A file as a revision of a git repository has it.
struct GitBlob {
  /// The revision, in git's words (`main`, `HEAD~3`, a commit).
  let revision: String
  /// The file's path from the top of the repository, or from this folder where it begins with `./`.
  let path: String

  /// `REV:path`. Nil where there is no colon, or where a file of just this name exists.
  init?(_ text: String) {
    guard let colon = text.firstIndex(of: ":"), colon != text.startIndex, access(text, F_OK) != 0 else {
      return nil
    }
    revision = String(text[..<colon])
    path = String(text[text.index(after: colon)...])
    // Nothing that git would take for an option, nor an empty path, which is a folder.
    if revision.hasPrefix("-") || path.isEmpty { return nil }
  }

  /// The bytes of a file beside this one's path in the same revision, of no more than `limit` bytes, or why there are
  /// none. `name` nil is this file itself.
  func read(_ name: String? = nil, limit: Int) -> ListFile {
    var file = path
    if let name {
      if name.hasPrefix("/") { return .unreadable(reason: "an absolute path is in no revision") }
      file = (path.lastIndex(of: "/").map { String(path[...$0]) } ?? "") + name
    }
    return Self.run(["git", "cat-file", "blob", "\(revision):\(file)"], limit: limit)
  }

  /// What a program prints, or its own words where it fails.
  private static func run(_ arguments: [String], limit: Int) -> ListFile {
    var output: [Int32] = [-1, -1]
    var errors: [Int32] = [-1, -1]
    guard pipe(&output) == 0 else { return .unreadable(reason: String(cString: strerror(errno))) }
    defer { for file in output where file >= 0 { close(file) } }
    guard pipe(&errors) == 0 else { return .unreadable(reason: String(cString: strerror(errno))) }
    defer { for file in errors where file >= 0 { close(file) } }
    for file in output + errors { _ = fcntl(file, F_SETFD, FD_CLOEXEC) }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_adddup2(&actions, output[1], STDOUT_FILENO)
    posix_spawn_file_actions_adddup2(&actions, errors[1], STDERR_FILENO)
    var words: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) }
    words.append(nil)
    defer { for word in words { free(word) } }
    var process = pid_t()
    let code = posix_spawnp(&process, arguments[0], &actions, nil, words, environ)
    for pipe in [output[1], errors[1]] { close(pipe) }
    (output[1], errors[1]) = (-1, -1)
    guard code == 0 else { return .unreadable(reason: "\(arguments[0]): \(String(cString: strerror(code)))") }
    // What git says of an error is a line or two, and fits into the pipe while the file is read.
    let bytes = contents(output[0], limit: limit + 1)
    let complaint = contents(errors[0], limit: 4096)
    close(output[0])
    output[0] = -1
    var status: Int32 = 0
    while waitpid(process, &status, 0) < 0 && errno == EINTR {}
    if bytes.count > limit { return .bytes(bytes) }
    guard status == 0 else {
      let text = String(decoding: complaint, as: UTF8.self)
      return .unreadable(
        reason: text.isEmpty ? "git failed" : text.split(separator: "\n").joined(separator: "; "))
    }
    return .bytes(bytes)
  }

  private static func contents(_ file: Int32, limit: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    while bytes.count < limit {
      let count = Glibc.read(file, &chunk, min(chunk.count, limit - bytes.count))
      if count < 0, errno == EINTR { continue }
      if count <= 0 { break }
      bytes += chunk[..<count]
    }
    return bytes
  }
}
