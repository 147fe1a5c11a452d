// SPDX-License-Identifier: GPL-3.0-or-later

internal import Glibc

/// A thread of the operating system, never one of a pool: changes that the body makes to it (its namespaces)
/// end with it.
package struct OwnThread {
  private let thread: pthread_t

  /// Starts a thread. The caller must wait for it before anything that the body uses is released. Throws
  /// errno if no thread can be started.
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

  /// The reason why no thread was started.
  package struct Failure: Error {
    /// The error of the system.
    package let errno: Int32
  }

  /// Passes the body to the thread through C's pointer.
  private final class Work {
    let body: () -> Void
    init(_ body: @escaping () -> Void) { self.body = body }
  }
}
