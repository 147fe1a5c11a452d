// SPDX-License-Identifier: GPL-3.0-or-later

internal import CSys
internal import Glibc

/// A thread of its own in another network namespace. It ends with its work: a thread does not come back from a namespace
/// in good order, and the caller's never leaves its own.
enum NamespaceThread {
  /// Runs the body in the network namespace of an open nsfs file and waits for it.
  static func run<Value: Sendable>(
    in file: Int32, _ body: () throws(HostReadError) -> Value
  ) throws(HostReadError) -> Value {
    var outcome: Result<Value, HostReadError>?
    let code = withoutActuallyEscaping({
      let entered = csys_enter_network_namespace(file)
      guard entered == 0 else {
        outcome = .failure(.socket("entering it", errno: entered))
        return
      }
      do throws(HostReadError) {
        outcome = .success(try body())
      } catch {
        outcome = .failure(error)
      }
    }) { work in
      let box = Unmanaged.passRetained(Work(work))
      var thread = pthread_t()
      let started = pthread_create(
        &thread, nil,
        { argument in
          guard let argument else { return nil }
          Unmanaged<Work>.fromOpaque(argument).takeRetainedValue().body()
          return nil
        }, box.toOpaque())
      guard started == 0 else {
        box.release()
        return started
      }
      return pthread_join(thread, nil)
    }
    guard let outcome else { throw .socket("starting a thread", errno: code) }
    return try outcome.get()
  }

  /// Carries the work to the thread through C's pointer.
  private final class Work {
    let body: () -> Void
    init(_ body: @escaping () -> Void) { self.body = body }
  }
}
