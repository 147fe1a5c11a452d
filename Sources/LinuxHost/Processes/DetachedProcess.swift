// SPDX-License-Identifier: GPL-3.0-or-later

internal import CSys
internal import Glibc
public import Netlink

/// This program, started again as a process that belongs to no terminal and to no session.
public enum DetachedProcess {
  /// Starts it with these arguments, with `/dev/null` as its standard streams. It stays in this thread's namespaces.
  /// Source: posix_spawn(3), setsid(2).
  public static func start(_ arguments: [String]) throws(SystemError) {
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    posix_spawnattr_setflags(&attributes, Int16(CSYS_POSIX_SPAWN_SETSID))
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    for descriptor in STDIN_FILENO...STDERR_FILENO {
      posix_spawn_file_actions_addopen(&actions, descriptor, "/dev/null", O_RDWR, 0)
    }
    let words = (["wgfence"] + arguments).map { strdup($0) }
    defer { for word in words { free(word) } }
    var process: pid_t = 0
    let code = posix_spawn(&process, "/proc/self/exe", &actions, &attributes, words + [nil], environ)
    if code != 0 { throw SystemError("starting this program again", code: code) }
  }
}
