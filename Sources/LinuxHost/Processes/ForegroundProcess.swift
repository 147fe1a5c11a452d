// SPDX-License-Identifier: GPL-3.0-or-later

internal import Glibc
public import Netlink

/// Another program that uses this process' terminal: an editor.
public enum ForegroundProcess {
  /// Runs a program with these arguments and waits for it. Returns its exit status; 128 and more if a signal ended it.
  public static func run(_ path: String, _ arguments: [String]) throws(SystemError) -> Int32 {
    let words = ([path] + arguments).map { strdup($0) }
    defer { for word in words { free(word) } }
    var process: pid_t = 0
    let code = posix_spawn(&process, path, nil, nil, words + [nil], environ)
    if code != 0 { throw SystemError("starting \(path)", code: code) }
    var status: Int32 = 0
    while waitpid(process, &status, 0) < 0 {
      if errno != EINTR { throw SystemError("waiting for \(path)", code: errno) }
    }
    // `WIFEXITED` and `WEXITSTATUS` of wait(2).
    return status & 0x7f == 0 ? status >> 8 & 0xff : 128 + status & 0x7f
  }
}
