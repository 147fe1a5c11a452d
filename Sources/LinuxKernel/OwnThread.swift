// SPDX-License-Identifier: GPL-3.0-or-later

internal import Glibc

/// A thread that does one piece of work and ends, so that what the work changes of its thread (the network namespace) ends
/// with it.
enum OwnThread {
  /// What the thread works on. Written by the thread alone, read when it has ended.
  private final class Work {
    let body: () -> Void
    init(_ body: @escaping () -> Void) { self.body = body }
  }

  /// Runs the body on a thread of its own and waits for its end; nil where no thread could be started.
  static func run<Value>(_ body: () -> Value) -> Value? {
    var value: Value?
    withoutActuallyEscaping({ value = body() }) { work in
      let box = Unmanaged.passRetained(Work(work))
      var thread = pthread_t()
      let code = pthread_create(
        &thread, nil,
        { argument in
          guard let argument else { return nil }
          Unmanaged<Work>.fromOpaque(argument).takeRetainedValue().body()
          return nil
        }, box.toOpaque())
      if code == 0 { pthread_join(thread, nil) } else { box.release() }
    }
    return value
  }
}
