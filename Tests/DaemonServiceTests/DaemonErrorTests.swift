// SPDX-License-Identifier: GPL-3.0-or-later

import Enforcement
import Glibc
import Netlink
import Testing

@testable import DaemonService

@Suite("The daemon's errors at its start")
struct DaemonErrorTests {
  private static func first(_ code: Int32) -> DaemonError? {
    DaemonError(first: NetlinkError(attempt: "reading the ruleset's generation", code: code))
  }

  @Test(
    "a request to nf_tables that can never succeed is permanent", arguments: [EPERM, EINVAL, EPROTONOSUPPORT])
  func isPermanent(code: Int32) {
    let error = Self.first(code)
    #expect(error?.kind == .permanent)
    #expect(error?.statusIfPermanent() == 78)
  }

  @Test("the message names the module if the kernel has no nf_tables")
  func namesTheModule() {
    #expect(Self.first(EINVAL)?.description.contains("modprobe nf_tables") == true)
  }

  @Test(
    "a request to nf_tables that may succeed later does not end the daemon",
    arguments: [ENOMEM, ENOBUFS, EMFILE])
  func passes(code: Int32) {
    #expect(Self.first(code) == nil)
  }

  @Test(
    "a system call",
    arguments: [(EACCES, DaemonError.Kind.permanent), (EADDRINUSE, .transient), (ENOSPC, .transient)])
  func isJudged(code: Int32, kind: DaemonError.Kind) {
    #expect(DaemonError(SystemError("listening on /run/wgfence/control.sock", code: code)).kind == kind)
  }

  @Test("a folder that cannot be made is permanent only if permission is missing")
  func isJudgedByErrno() throws {
    let error = try #require(throws: StateError.self) {
      _ = try StateDirectory("/proc/wgfence").lock() != nil
    }
    #expect(error.code == ENOENT)
    #expect(DaemonError(error).kind == .transient)
  }

  @Test("an error that may pass has no status of its own")
  func hasNoStatus() {
    #expect(DaemonError("another process has locked /var/lib/wgfence").statusIfPermanent() == nil)
  }
}
