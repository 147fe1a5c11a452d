// SPDX-License-Identifier: GPL-3.0-or-later

import Ruleset
import Testing

@Suite("Reasons of drops") struct DropReasonTests {
  @Test("the name of a counter gives its cause back", arguments: DropReason.allCases)
  func readsBack(_ reason: DropReason) {
    let subject = reason.rawValue.hasSuffix("-") ? "in" : ""
    let counter = NamedCounter(DropCause(reason, subject), origin: Origin(reason: "test"))
    #expect(counter.name == "drop-\(reason.rawValue)\(subject)")
    #expect(NamedCounter.Purpose(counterNamed: counter.name) == counter.purpose)
  }

  @Test("a counter of an unknown reason counts drops, one of another name counts a grant")
  func unknown() {
    let cause = NamedCounter.Purpose(counterNamed: "drop-of-another-version").cause
    #expect(cause?.reason == nil && cause?.name == "of-another-version")
    #expect(NamedCounter.Purpose(counterNamed: "dropbox") == .grant)
  }
}
