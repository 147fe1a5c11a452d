// SPDX-License-Identifier: GPL-3.0-or-later

import Glibc
import Netlink
import Testing

@Suite("Texts of system errors")
struct ErrorTextTests {
  @Test(
    "an error number has a name and a meaning",
    arguments: [
      (EPERM, "EPERM", "Operation not permitted"), (ENOENT, "ENOENT", "No such file or directory"),
      // The C library does not define it.
      (524, "ENOTSUPP", "Operation is not supported"),
      (4711, "errno 4711", "unknown error"), (-1, "errno -1", "unknown error"),
    ])
  func words(code: Int32, name: String, meaning: String) {
    let error = NetlinkError(attempt: "trying", code: code)
    #expect(error.name == name)
    #expect(error.meaning == meaning)
  }
}
