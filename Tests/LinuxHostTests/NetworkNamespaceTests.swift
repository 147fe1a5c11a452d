// SPDX-License-Identifier: GPL-3.0-or-later

import Testing
import TestSupport

@testable import LinuxHost

@Suite("The machine's own network namespace is told from others")
struct NetworkNamespaceTests {
  typealias Evidence = NetworkNamespace.Evidence

  static let machine = NetworkNamespace.initialInode
  static let processes = NetworkNamespace.initialProcessesInode

  static let cases: [(evidence: Evidence, expected: NetworkNamespace)] = [
    (Evidence(own: 5, first: .same, processes: processes, isInodeFixed: false), .initial),
    (Evidence(own: 5, first: .different, processes: processes, isInodeFixed: false), .other),
    // A system container: its own namespace is not the kernel's initial one.
    (Evidence(own: 5, first: .same, processes: 7, isInodeFixed: true), .initial),
    (Evidence(own: 5, first: .different, processes: 7, isInodeFixed: true), .other),
    // A container without a network namespace of its own: process 1 is in another one.
    (Evidence(own: machine, first: .different, processes: 7, isInodeFixed: true), .initial),
    (Evidence(own: machine, first: .hidden, processes: processes, isInodeFixed: true), .initial),
    // Process 1 is hidden.
    (Evidence(own: 5, first: .hidden, processes: processes, isInodeFixed: true), .other),
    (
      Evidence(own: 5, first: .hidden, processes: processes, isInodeFixed: false),
      .undetermined(.kernelTooOld)
    ),
    (Evidence(own: 5, first: .hidden, processes: 7, isInodeFixed: true), .undetermined(.container)),
    (Evidence(own: 5, first: .hidden, processes: nil, isInodeFixed: true), .undetermined(.container)),
    (Evidence(own: nil, first: .hidden, processes: nil, isInodeFixed: true), .undetermined(.unreadable)),
  ]

  @Test("by what the process can see", arguments: cases)
  func isJudged(evidence: Evidence, expected: NetworkNamespace) {
    #expect(NetworkNamespace.judge(evidence) == expected)
  }

  @Test("only the certainly other one has no clause for messages")
  func hasClause() {
    #expect(NetworkNamespace.other.machineClause == nil)
    #expect(NetworkNamespace.initial.machineClause == "this is the machine's own network namespace")
    #expect(
      NetworkNamespace.undetermined(.container).machineClause
        == "this may be the machine's own network namespace (process 1 of this container is hidden)")
  }

  @Test("a new one differs from process 1's by both files", .enabled(if: OwnNamespace.isPermitted))
  func isComparedByEachFile() throws {
    try OwnNamespace.run {
      #expect(NetworkNamespace.Comparison(by: ["ns/net"]) != .same)
      #expect(NetworkNamespace.Comparison(by: ["net/dev"]) == .different)
      #expect(NetworkNamespace.Comparison(by: ["no/such"]) == .hidden)
    }
  }
}
