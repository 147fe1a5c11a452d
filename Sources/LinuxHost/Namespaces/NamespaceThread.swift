// SPDX-License-Identifier: GPL-3.0-or-later

internal import CSys
internal import Glibc
internal import Netlink

/// A separate thread in another network namespace. It ends with its work: a thread cannot reliably return
/// from another namespace, and the caller's thread never leaves its own.
enum NamespaceThread {
  /// Runs the body in the network namespace of an open nsfs file, and waits for it.
  package static func run<Value: Sendable>(
    in file: Int32, _ body: () throws(HostReadError) -> Value
  ) throws(HostReadError) -> Value {
    var outcome: Result<Value, HostReadError>?
    let failure = withoutActuallyEscaping({
      guard setns(file, Int32(CSYS_CLONE_NEWNET)) == 0 else {
        outcome = .failure(.socket("entering the network namespace", errno: errno))
        return
      }
      do throws(HostReadError) {
        outcome = .success(try body())
      } catch {
        outcome = .failure(error)
      }
    }) { work -> OwnThread.Failure? in
      do throws(OwnThread.Failure) {
        try OwnThread(work).join()
        return nil
      } catch {
        return error
      }
    }
    if let failure { throw .socket("starting a thread", errno: failure.errno) }
    guard let outcome else { throw .socket("running in the network namespace", errno: EINVAL) }
    return try outcome.get()
  }
}
