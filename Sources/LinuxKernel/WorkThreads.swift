// SPDX-License-Identifier: GPL-3.0-or-later

internal import Glibc

/// Threads for work that waits for the kernel in many small calls.
enum WorkThreads {
  /// Runs the body once with each number below `count`, on threads of its own but for the last, and waits for all. Where
  /// a thread cannot be started, its part is done by the calling one. What the bodies write must be apart.
  static func run(_ count: Int, _ body: (Int) -> Void) {
    guard count > 0 else { return }
    withoutActuallyEscaping(body) { body in
      var threads: [pthread_t] = []
      for number in 0..<(count - 1) {
        let box = Unmanaged.passRetained(Part(number, body))
        var thread = pthread_t()
        let code = pthread_create(
          &thread, nil,
          { argument in
            guard let argument else { return nil }
            let part = Unmanaged<Part>.fromOpaque(argument).takeRetainedValue()
            part.body(part.number)
            return nil
          }, box.toOpaque())
        if code == 0 {
          threads.append(thread)
        } else {
          box.release()
          body(number)
        }
      }
      body(count - 1)
      for thread in threads { pthread_join(thread, nil) }
    }
  }

  /// Carries a part to its thread through C's pointer.
  private final class Part {
    let number: Int
    let body: (Int) -> Void

    init(_ number: Int, _ body: @escaping (Int) -> Void) {
      self.number = number
      self.body = body
    }
  }
}
