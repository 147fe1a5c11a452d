// SPDX-License-Identifier: GPL-3.0-or-later

internal import Glibc

/// A program that is run until it ends, with limits of time and output. It gets no input and its own process group;
/// the whole group is killed when a limit is reached.
struct BoundedProcess {
  /// What it wrote to standard output, at most `limit` bytes.
  private(set) var output: [UInt8] = []
  /// What it wrote to standard error, at most 4 KiB.
  private(set) var errors: [UInt8] = []
  private(set) var outcome: Outcome

  /// How it ended.
  enum Outcome: Equatable {
    /// It could not be started, with errno.
    case notStarted(Int32)
    case timedOut
    /// It wrote at least `limit` bytes.
    case tooLarge
    /// It ended by itself, with this status of waitpid(2).
    case ended(Int32)
  }

  private static let errorLimit = 4096

  /// Runs the program at a path with these arguments (the first is its name) and this environment.
  init(_ path: String, _ words: [String], environment: [String], milliseconds: Int32, limit: Int) {
    outcome = .notStarted(0)
    var (out, err): ([Int32], [Int32]) = ([-1, -1], [-1, -1])
    guard pipe(&out) == 0 else {
      outcome = .notStarted(errno)
      return
    }
    defer { for file in out where file >= 0 { close(file) } }
    guard pipe(&err) == 0 else {
      outcome = .notStarted(errno)
      return
    }
    defer { for file in err where file >= 0 { close(file) } }
    for file in out + err { _ = fcntl(file, F_SETFD, FD_CLOEXEC) }
    var process = pid_t()
    let code = Self.spawn(&process, path, words, environment, output: out[1], errors: err[1])
    close(out[1])
    close(err[1])
    (out[1], err[1]) = (-1, -1)
    guard code == 0 else {
      outcome = .notStarted(code)
      return
    }
    let isWhole = read(out[0], err[0], until: Self.now + Int64(milliseconds), limit: limit)
    // Most programs end when the pipes are closed; the others are killed.
    if !isWhole || output.count >= limit { kill(-process, SIGKILL) }
    var status: Int32 = 0
    while waitpid(process, &status, 0) < 0 && errno == EINTR {}
    outcome = output.count >= limit ? .tooLarge : isWhole ? .ended(status) : .timedOut
  }

  private static func spawn(
    _ process: inout pid_t, _ path: String, _ words: [String], _ environment: [String], output: Int32,
    errors: Int32
  ) -> Int32 {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO)
    posix_spawn_file_actions_adddup2(&actions, errors, STDERR_FILENO)
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP))
    posix_spawnattr_setpgroup(&attributes, 0)
    var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) }
    var variables: [UnsafeMutablePointer<CChar>?] = environment.map { strdup($0) }
    defer { for text in arguments + variables { free(text) } }
    arguments.append(nil)
    variables.append(nil)
    return posix_spawn(&process, path, &actions, &attributes, arguments, variables)
  }

  /// Reads both pipes until they end, the deadline is over, or the output has `limit` bytes. Returns whether both
  /// ended.
  private mutating func read(_ out: Int32, _ err: Int32, until deadline: Int64, limit: Int) -> Bool {
    var files = [out, err].map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    while files.contains(where: { $0.fd >= 0 }), output.count < limit {
      let left = deadline - Self.now
      guard left > 0 else { return false }
      let ready = poll(&files, 2, Int32(left))
      if ready < 0, errno == EINTR { continue }
      guard ready > 0 else { return false }
      for index in files.indices where files[index].revents != 0 {
        let count = Glibc.read(files[index].fd, &chunk, chunk.count)
        if count < 0, errno == EINTR { continue }
        if count <= 0 {
          // poll(2) ignores negative descriptors.
          files[index].fd = -1
        } else if index == 0 {
          output += chunk[..<min(count, limit - output.count)]
        } else {
          errors += chunk[..<min(count, Self.errorLimit - errors.count)]
        }
      }
    }
    return !files.contains { $0.fd >= 0 }
  }

  /// Milliseconds of CLOCK_MONOTONIC.
  private static var now: Int64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
  }
}
