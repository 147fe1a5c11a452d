// SPDX-License-Identifier: GPL-3.0-or-later
// swift-format-ignore-file: NeverForceUnwrap

import Glibc
import NetworkModel
import TestSupport

/// A new network namespace with `lo` up, on a separate thread.
enum OwnNamespace {
  struct Failure: Error { let what: String, errno: Int32 }

  /// Whether this user may create namespaces. If not, the suites that need one are skipped and counted.
  static let isPermitted: Bool = (try? run {}) != nil

  /// Runs the body in it, and returns the result of the body. Programs that the body starts run in the
  /// namespace too.
  static func run<T>(_ body: () throws -> T) throws -> T { try inNetworkNamespace(body) }
}

/// A program that a test started. It is killed, by its process id, with the value.
final class Program {
  struct Failure: Error { let program: String, status: Int32 }

  let pid: pid_t
  private var isRunning = true

  init(_ arguments: [String], environment: [String] = ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"]) throws {
    var files = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&files)
    defer { posix_spawn_file_actions_destroy(&files) }
    for descriptor: Int32 in 0...2 {
      posix_spawn_file_actions_addopen(&files, descriptor, "/dev/null", O_RDWR, 0)
    }
    let arguments = arguments.map { strdup($0) } + [nil]
    let environment = environment.map { strdup($0) } + [nil]
    defer { (arguments + environment).forEach { free($0) } }
    var pid: pid_t = 0
    let code = posix_spawn(&pid, arguments[0]!, &files, nil, arguments, environment)
    guard code == 0 else { throw Failure(program: String(cString: arguments[0]!), status: code) }
    self.pid = pid
  }

  deinit { end() }

  /// Kills it if it still runs.
  func end() {
    guard isRunning else { return }
    isRunning = false
    kill(pid, SIGKILL)
    waitpid(pid, nil, 0)
  }

  /// Whether it ended by itself.
  var hasEnded: Bool {
    var information = siginfo_t()
    return waitid(P_PID, id_t(pid), &information, WEXITED | WNOHANG | WNOWAIT) == 0
      && information.si_signo != 0
  }

  func wait() -> Int32 {
    var status: Int32 = 0
    waitpid(pid, &status, 0)
    isRunning = false
    return status
  }

  static func run(_ arguments: String...) throws {
    let status = try Program(arguments).wait()
    if status != 0 { throw Failure(program: arguments.joined(separator: " "), status: status) }
  }
}

/// Repeats the body until it returns a value, at most 5 seconds.
func eventually<T>(_ body: () throws -> T?) throws -> T {
  for _ in 0..<500 {
    if let found = try body() { return found }
    usleep(10_000)
  }
  throw OwnNamespace.Failure(what: "the condition was not met in time", errno: ETIMEDOUT)
}

/// A socket of a test. It is closed with the value.
final class TestSocket {
  enum Option { case v6Only, dualStack, device(String) }

  let descriptor: Int32
  let family: Int32

  init(_ kind: __socket_type, _ address: String, port: UInt16 = 0, _ options: [Option] = []) throws {
    family = address.contains(":") ? AF_INET6 : AF_INET
    descriptor = socket(family, Int32(kind.rawValue), 0)
    for option in options {
      switch option {
      case .v6Only, .dualStack:
        var on: Int32 = if case .v6Only = option { 1 } else { 0 }
        setsockopt(descriptor, Int32(IPPROTO_IPV6), IPV6_V6ONLY, &on, 4)
      case .device(let name):
        setsockopt(descriptor, SOL_SOCKET, SO_BINDTODEVICE, name, UInt32(name.utf8.count))
      }
    }
    guard Self.with(address, port, { bind(descriptor, $0, $1) }) == 0 else {
      throw OwnNamespace.Failure(what: "bind \(address)", errno: errno)
    }
  }

  deinit { close(descriptor) }

  func connect(_ address: String, port: UInt16) throws {
    guard Self.with(address, port, { Glibc.connect(descriptor, $0, $1) }) == 0 else {
      throw OwnNamespace.Failure(what: "connect \(address)", errno: errno)
    }
  }

  /// The port that it is bound to.
  var port: UInt16 {
    withUnsafeTemporaryAllocation(byteCount: 128, alignment: 8) { buffer in
      var length = socklen_t(128)
      getsockname(descriptor, buffer.baseAddress!.assumingMemoryBound(to: sockaddr.self), &length)
      return UInt16(bigEndian: buffer.load(fromByteOffset: 2, as: UInt16.self))
    }
  }

  private static func with(
    _ text: String, _ port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
  ) -> Int32 {
    guard let address = IPAddress(text) else { return -1 }
    var bytes = [UInt8](repeating: 0, count: address.family == .ipv4 ? 16 : 28)
    bytes[0] = address.family.rawValue
    bytes[2] = UInt8(port >> 8)
    bytes[3] = UInt8(port & 0xff)
    let start = address.family == .ipv4 ? 4 : 8
    bytes.replaceSubrange(start..<(start + address.family.byteWidth), with: address.bytes)
    return bytes.withUnsafeBytes {
      body($0.baseAddress!.assumingMemoryBound(to: sockaddr.self), socklen_t($0.count))
    }
  }
}
