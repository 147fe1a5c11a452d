// SPDX-License-Identifier: GPL-3.0-or-later

import CTestSupport
import Glibc
public import LinuxHost

/// Why a test could not get its own network namespace.
public enum NamespaceFailure: Error, CustomStringConvertible {
  /// The thread could not be started.
  case thread(code: Int32)
  /// The kernel refused a namespace: run as root, or under `unshare -Urn`.
  case unshare(code: Int32)
  /// The thread may still be in the machine's own namespace; nothing is run there.
  case stillInitial(NetworkNamespace)
  /// The loopback interface could not be brought up.
  case loopback(code: Int32)

  /// One line, with what to do if that is known.
  public var description: String {
    switch self {
    case .thread(let code): "no thread: \(String(cString: strerror(code)))"
    case .unshare(let code):
      "no network namespace: \(String(cString: strerror(code))); run as root or under unshare -Urn"
    case .stillInitial(let found): "refusing to run: the network namespace is \(found)"
    case .loopback(let code): "the interface lo could not be brought up: \(String(cString: strerror(code)))"
    }
  }
}

/// Runs a body on a new thread, in a new network namespace whose loopback interface is up.
///
/// Both end with the body. The thread is never from a pool, because a thread cannot leave its namespace again.
/// Programs that the body starts with `run` are in the namespace too.
public func inNetworkNamespace<Value>(_ body: () throws -> Value) throws -> Value {
  try onOwnThread {
    let code = ctest_unshare_network_namespace()
    guard code == 0 else { throw NamespaceFailure.unshare(code: code) }
    let namespace = NetworkNamespace.current()
    guard namespace.isCertainlyOther else { throw NamespaceFailure.stillInitial(namespace) }
    let up = ctest_set_interface_up("lo")
    guard up == 0 else { throw NamespaceFailure.loopback(code: up) }
    return try body()
  }
}

/// Runs a body on a new thread that has a host name of its own. The body gets a function that sets it.
public func withOwnHostName<Value>(_ body: ((String) throws -> Void) throws -> Value) throws -> Value {
  try onOwnThread {
    let code = ctest_unshare_host_name()
    guard code == 0 else { throw NamespaceFailure.unshare(code: code) }
    return try body { name in
      guard sethostname(name, name.utf8.count) == 0 else { throw NamespaceFailure.unshare(code: errno) }
    }
  }
}

/// Runs a body on a new thread, so that its changes to the thread (namespaces, capabilities) end with it.
public func onOwnThread<Value>(_ body: () throws -> Value) throws -> Value {
  var outcome: Result<Value, any Error>?
  let code = withoutActuallyEscaping({ outcome = Result { try body() } }) { work -> Int32 in
    do throws(OwnThread.Failure) {
      try OwnThread(work).join()
      return 0
    } catch {
      return error.errno
    }
  }
  guard code == 0, let outcome else { throw NamespaceFailure.thread(code: code) }
  return try outcome.get()
}
