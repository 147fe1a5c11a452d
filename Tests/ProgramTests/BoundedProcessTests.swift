// SPDX-License-Identifier: GPL-3.0-or-later

import Glibc
import Testing

@testable import wgfence
@testable import PolicyFiles

@Suite("Programs that are run with limits")
struct BoundedProcessTests {
  private func shell(_ script: String, milliseconds: Int32 = 20_000, limit: Int = 1 << 20) -> BoundedProcess {
    BoundedProcess(
      "/bin/sh", ["sh", "-c", script], environment: ["PATH=/usr/bin:/bin", "GIVEN=yes"],
      milliseconds: milliseconds, limit: limit)
  }

  @Test("output and status are returned")
  func output() {
    let run = shell("echo out; echo err >&2; exit 3")
    #expect(run.outcome == .ended(3 << 8))
    #expect(String(decoding: run.output, as: UTF8.self) == "out\n")
    #expect(String(decoding: run.errors, as: UTF8.self) == "err\n")
  }

  @Test("the program has no input, and only the given environment variables")
  func environment() {
    let run = shell("cat; env | grep -v '^PWD=\\|^_=\\|^SHLVL=\\|^OLDPWD='")
    #expect(
      String(decoding: run.output, as: UTF8.self).split(separator: "\n").sorted() == [
        "GIVEN=yes", "PATH=/usr/bin:/bin",
      ])
  }

  @Test("the program and its children are killed when the time is over")
  func time() {
    let began = time_t(Glibc.time(nil))
    #expect(shell("sleep 60 & sleep 60", milliseconds: 200).outcome == .timedOut)
    #expect(Glibc.time(nil) - began < 30)
  }

  @Test("the program is killed when it writes more than the limit")
  func size() {
    let run = shell("while :; do echo more; done", limit: 1000)
    #expect(run.outcome == .tooLarge)
    #expect(run.output.count == 1000)
  }

  @Test("only the first part of standard error is stored, and much of it does not block the output")
  func errors() {
    let run = shell("head -c 300000 /dev/zero >&2; echo out")
    #expect(run.outcome == .ended(0))
    #expect(run.errors.count == 4096)
    #expect(run.output.count == 4)
  }

  @Test("a missing program is an error")
  func missing() {
    let run = BoundedProcess("/nonexistent", ["x"], environment: [], milliseconds: 1000, limit: 1)
    #expect(run.outcome == .notStarted(ENOENT))
  }
}

@Suite("Owners of git repositories", .enabled(if: geteuid() == 0, "chown(2) needs root"))
struct GitRepositoryTests {
  /// A temporary folder, removed at the end.
  final class Folder {
    let path: String
    init() throws {
      var template = Array("/tmp/wgfence-git-XXXXXX".utf8CString)
      path = String(cString: try #require(mkdtemp(&template)))
      for name in ["tree", "tree/sub", "tree/.git", "other", "other/git", "pointing"] {
        mkdir("\(path)/\(name)", 0o755)
      }
      for name in ["tree/.git/config", "other/git/config"] {
        close(open("\(path)/\(name)", O_CREAT | O_WRONLY, 0o644))
      }
      let text = Array("gitdir: ../other/git\n".utf8)
      let file = open("\(path)/pointing/.git", O_CREAT | O_WRONLY, 0o644)
      _ = write(file, text, text.count)
      close(file)
    }
    deinit {
      _ = BoundedProcess(
        "/bin/rm", ["rm", "-rf", path], environment: [], milliseconds: 10_000, limit: 1)
    }
  }

  private func isFound(_ path: String) -> Bool {
    if case .found = GitRepository.around(path) { true } else { false }
  }

  private func isForeign(_ path: String) -> Bool {
    if case .foreign = GitRepository.around(path) { true } else { false }
  }

  @Test("the user's own repository is found from a folder inside it, and the search does not go above it")
  func own() throws {
    let folder = try Folder()
    guard case .found(let repository) = GitRepository.around("\(folder.path)/tree/sub") else {
      Issue.record("the repository was not found")
      return
    }
    #expect(repository.parent == folder.path)
    #expect(isFound("\(folder.path)/pointing"))
    #expect(!isFound("\(folder.path)/other") && !isForeign("\(folder.path)/other"))
  }

  @Test(
    "a repository with a part that belongs to another user is refused",
    arguments: ["tree", "tree/.git", "tree/.git/config"])
  func foreign(part: String) throws {
    let folder = try Folder()
    chown("\(folder.path)/\(part)", 65534, 65534)
    #expect(isForeign("\(folder.path)/tree/sub"))
  }

  @Test("another user's repository is refused if the user's own file or link points to it")
  func pointed() throws {
    let folder = try Folder()
    chown("\(folder.path)/other/git", 65534, 65534)
    #expect(isForeign("\(folder.path)/pointing"))
    rmdir("\(folder.path)/tree/sub")
    mkdir("\(folder.path)/linking", 0o755)
    symlink("\(folder.path)/other/git", "\(folder.path)/linking/.git")
    #expect(isForeign("\(folder.path)/linking"))
  }
}
