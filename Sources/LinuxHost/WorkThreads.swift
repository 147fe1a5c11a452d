// SPDX-License-Identifier: GPL-3.0-or-later

internal import Glibc

/// Threads for work that consists of many short system calls.
enum WorkThreads {
  /// The results of the body for each element, in order. The bodies run on several threads, up to four: they must not write to
  /// the same memory.
  package static func map<Element, Value>(_ elements: [Element], _ body: (Element) -> Value) -> [Value] {
    let workers = min(4, max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))), elements.count)
    var values = [Value?](repeating: nil, count: elements.count)
    values.withUnsafeMutableBufferPointer { values in
      let values = values
      // Each thread writes its own part.
      run(workers) { worker in
        for place in stride(from: worker, to: values.count, by: workers) {
          values[place] = body(elements[place])
        }
      }
    }
    return values.compactMap { $0 }
  }

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
