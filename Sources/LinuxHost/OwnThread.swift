// SPDX-License-Identifier: GPL-3.0-or-later

internal import Glibc

/// A thread of the system's, never one of a pool: what the body changes of it (its namespaces) ends with it.
package struct OwnThread {
  private let thread: pthread_t

  /// Starts one. Who starts it waits for it before what the body uses is gone. Throws errno where none can be started.
  package init(_ body: @escaping () -> Void) throws(Failure) {
    let box = Unmanaged.passRetained(Work(body))
    var thread = pthread_t()
    let code = pthread_create(
      &thread, nil,
      { argument in
        guard let argument else { return nil }
        Unmanaged<Work>.fromOpaque(argument).takeRetainedValue().body()
        return nil
      }, box.toOpaque())
    guard code == 0 else {
      box.release()
      throw Failure(errno: code)
    }
    self.thread = thread
  }

  /// Waits until the body has ended.
  package func join() { pthread_join(thread, nil) }

  /// Why no thread was started.
  package struct Failure: Error {
    /// What the system answered.
    package let errno: Int32
  }

  /// Carries the body to the thread through C's pointer.
  private final class Work {
    let body: () -> Void
    init(_ body: @escaping () -> Void) { self.body = body }
  }
}
