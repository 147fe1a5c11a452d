// SPDX-License-Identifier: GPL-3.0-or-later

internal import Glibc
internal import PolicyLanguage

/// Runs git.
///
/// A repository's own configuration can name commands that git runs. Therefore git is run so that it runs none of
/// them: `cat-file blob` and `rev-list` use no hooks, filters, text conversions or pagers; every transport is forbidden (a
/// missing object is not fetched); and git gets none of this process's `GIT_*` variables and none of the user's
/// configuration.
extension GitRepository {
  /// What git writes, at most `limit` bytes, or why it cannot be read. `folder` is the one in which it runs; nil: the
  /// current one.
  func git(_ command: [String], in folder: String?, limit: Int) -> ListFile {
    guard let program = Self.program else { return .unreadable(reason: "git is not installed") }
    let run = BoundedProcess(
      program, ["git"] + (folder.map { ["-C", $0] } ?? []) + Self.options + command,
      environment: environment, milliseconds: Self.patience, limit: limit + 1)
    switch run.outcome {
    case .notStarted(let code): return .unreadable(reason: "\(program): \(String(cString: strerror(code)))")
    case .timedOut: return .unreadable(reason: "git did not answer within \(Self.patience / 1000) s")
    case .tooLarge: return .bytes(run.output)
    case .ended(let status):
      if status == 0 { return .bytes(run.output) }
      let words = String(decoding: run.errors, as: UTF8.self).split(separator: "\n").joined(separator: "; ")
      return .unreadable(reason: words.isEmpty ? "git failed" : words)
    }
  }

  /// How long git may take, in milliseconds.
  private static let patience: Int32 = 20_000

  /// Settings on the command line override those of the repository.
  private static let options = [
    "--no-pager", "--no-replace-objects", "--literal-pathspecs",
    "-c", "protocol.allow=never",
    "-c", "core.hooksPath=/dev/null",
    "-c", "core.fsmonitor=false",
    "-c", "core.sshCommand=/bin/false",
    "-c", "core.gitProxy=/bin/false",
    "-c", "core.askPass=/bin/false",
    "-c", "core.alternateRefsCommand=/bin/false",
    "-c", "credential.helper=",
    // Larger objects are streamed, not held in memory.
    "-c", "core.bigFileThreshold=1m",
  ]

  /// The whole environment of git. Only versions after 2.45 know `GIT_NO_LAZY_FETCH`; `GIT_ALLOW_PROTOCOL`, the
  /// list of allowed transports, prevents every version from fetching.
  private var environment: [String] {
    [
      "PATH=\(Self.folders.joined(separator: ":"))", "HOME=/nonexistent", "LC_ALL=C",
      "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_SYSTEM=/dev/null", "GIT_CONFIG_GLOBAL=/dev/null",
      "GIT_ATTR_NOSYSTEM=1", "GIT_NO_LAZY_FETCH=1", "GIT_ALLOW_PROTOCOL=none", "GIT_PROTOCOL_FROM_USER=0",
      "GIT_SSH_COMMAND=/bin/false", "GIT_PROXY_COMMAND=/bin/false", "GIT_ASKPASS=/bin/false",
      "GIT_TERMINAL_PROMPT=0", "GIT_OPTIONAL_LOCKS=0", "GIT_NO_REPLACE_OBJECTS=1",
      // git must not find another repository than the one whose owner was checked.
      "GIT_CEILING_DIRECTORIES=\(parent)",
    ]
  }

  /// The folders of `PATH`, without relative ones.
  private static let folders = (getenv("PATH").map { String(cString: $0) } ?? "/usr/bin:/bin")
    .split(separator: ":").map { String($0) }.filter { $0.hasPrefix("/") }

  private static let program = folders.first { access("\($0)/git", X_OK) == 0 }.map { "\($0)/git" }
}
