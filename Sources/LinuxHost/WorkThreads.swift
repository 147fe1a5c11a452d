// SPDX-License-Identifier: GPL-3.0-or-later

/// Threads for work that waits for the kernel in many small calls.
enum WorkThreads {
  /// Runs the body once with each number below `count`, on threads of its own but for the last, and waits for all. Where
  /// a thread cannot be started, its part is done by the calling one. What the bodies write must be apart.
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
