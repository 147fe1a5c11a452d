// SPDX-License-Identifier: GPL-3.0-or-later

import Enforcement
import KernelTestSupport
import NetworkModel
import PolicyAnalysis
import Ruleset
import Testing

@testable import DaemonService

@Suite("Temporary grants")
struct TemporaryGrantTests {
  static func order(_ source: String = "laptop", _ service: String = "ssh") throws -> TemporaryGrantOrder {
    try TemporaryGrantOrder(service: service, from: source, lasting: "90s", because: "work")
  }

  @Test("nothing can be opened without a policy in force")
  func nothing() throws {
    let firewall = try FakeFirewall()
    let order = try Self.order()
    #expect(throws: Refusal.self) { try firewall.execute(.open(order)) }
    #expect(throws: Refusal.self) { try firewall.execute(.close(service: "ssh", from: "laptop")) }
    #expect(firewall.driver.store.sent.isEmpty)
  }

  @Test("a grant is made with user, duration and reason, and is logged")
  func opens() throws {
    let firewall = try FakeFirewall()
    _ = try firewall.apply(try FakeFirewall.candidate("a"))
    firewall.environment.said = []
    let result = try firewall.execute(.open(try Self.order()))
    #expect(result.text.description == "opened ssh from laptop for 90s, by eric: work.\n")
    #expect(result.operations == firewall.driver.store.sent.last?.count && result.warnings.isEmpty)
    #expect(firewall.environment.said == ["opened ssh from laptop for 90s, by eric: work"])
    let closed = try firewall.execute(.close(service: "ssh", from: "laptop"))
    #expect(closed.text.description == "closed ssh from laptop, by eric.\n" && closed.operations > 0)
    let again = try firewall.execute(.close(service: "ssh", from: "laptop"))
    #expect(again.text.description == "No such temporary grant; nothing was changed.\n")
  }

  @Test("a grant to everyone on the internet gives a warning")
  func warns() throws {
    let firewall = try FakeFirewall()
    _ = try firewall.apply(try FakeFirewall.candidate("a"))
    let result = try firewall.execute(.open(try Self.order("internet")))
    #expect(result.warnings.first?.description.contains("everyone on the internet") == true)
  }

  @Test("names that the policy does not have are refused")
  func unknown() throws {
    let firewall = try FakeFirewall()
    _ = try firewall.apply(try FakeFirewall.candidate("a"))
    for order in [try Self.order("nobody"), try Self.order("laptop", "what")] {
      #expect(throws: Refusal.self) { try firewall.execute(.open(order)) }
    }
    #expect(throws: TemporaryGrantError.self) {
      try TemporaryGrantOrder(service: "ssh", from: "laptop", lasting: "soon", because: "work")
    }
  }

  @Test("a change that the kernel refuses is tried four times")
  func tries() throws {
    let firewall = try FakeFirewall()
    _ = try firewall.apply(try FakeFirewall.candidate("a"))
    let sent = firewall.driver.store.sent.count
    firewall.driver.store.faults = Array(repeating: .error(.stale), count: 3)
    #expect(try firewall.execute(.open(try Self.order())).operations > 0)
    #expect(firewall.driver.store.sent.count == sent + 4)
    firewall.driver.store.faults = Array(repeating: .error(.stale), count: 4)
    #expect(throws: Refusal.self) { try firewall.execute(.open(try Self.order("laptop", "443/tcp"))) }
  }
}
