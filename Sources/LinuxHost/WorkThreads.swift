// SPDX-License-Identifier: GPL-3.0-or-later

/// Threads for work that consists of many short system calls.
enum WorkThreads {
  /// Runs the body once with each number below `count`, and waits for all. The last number runs on the
  /// calling thread, each other one on a separate thread. If a thread cannot be started, its part runs on the
  /// calling thread. The bodies must not write to the same memory.
  package static func run(_ count: Int, _ body: (Int) -> Void) {
    guard count > 0 else { return }
    withoutActuallyEscaping(body) { body in
      var threads: [OwnThread] = []
      for number in 0..<(count - 1) {
        do throws(OwnThread.Failure) {
          threads.append(try OwnThread { body(number) })
        } catch {
          body(number)
        }
      }
      body(count - 1)
      for thread in threads { thread.join() }
    }
  }
}
