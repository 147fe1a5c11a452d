// SPDX-License-Identifier: GPL-3.0-or-later

import Enforcement
import KernelTestSupport
import NetworkModel
import PolicyAnalysis
import TemporaryGrants
import PolicyLanguage
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

  @Test("one that another machine must let through first is refused with what to do there")
  func elsewhere() throws {
    let policy = try HubPolicy.policy
    func refusal(_ to: String, on own: String) throws -> String? {
      let order = try TemporaryGrantOrder(
        service: "8080/tcp", from: "laptop", to: to, lasting: "2d", because: "it's a demo")
      do throws(Refusal) {
        try TemporaryGrantAdvice(order, until: 1_795_564_800).check(to, policy, own)
        return nil
      } catch {
        return "\(error.text)"
      }
    }
    #expect(try refusal("store", on: "store") == nil)
    #expect(
      try refusal("store", on: "hub")?.contains(
        "on hub, and apply: - { to: store, services: [8080/tcp], from: laptop, until: 2026-11-27 }") == true)
    #expect(
      try refusal("hub", on: "store")?.hasSuffix(
        "run on hub: wgfence open 8080/tcp --from laptop --for 2d --because 'it'\\''s a demo'") == true)
    #expect(try refusal("stroe", on: "hub")?.contains("did you mean 'store'?") == true)
  }

  @Test("the arguments of open and close make one request, or say what is missing")
  func words() throws {
    let whole = TemporaryGrantArguments(
      service: "ssh", from: "laptop", to: "hub", duration: "90s", because: "work")
    guard case .open(let order) = try whole.request(.begin) else { throw Refusal("no order") }
    #expect(order.target == "hub" && order.source == "laptop")
    #expect(try whole.request(.end) == .close(service: "ssh", from: "laptop"))
    #expect(try TemporaryGrantArguments(service: "3", from: nil).request(.end) == .closeNumber(3))
    #expect(
      try TemporaryGrantArguments(service: nil, from: nil).request(.list(.json)) == .temporaryGrants(.json))
    for (words, act) in [
      (TemporaryGrantArguments(service: nil, from: "laptop"), TemporaryGrantArguments.Act.begin),
      (TemporaryGrantArguments(service: "ssh", from: nil), .end),
      (TemporaryGrantArguments(service: "ssh", from: "a"), .begin),
      (TemporaryGrantArguments(service: "ssh", from: "a", duration: "90s"), .begin),
      (TemporaryGrantArguments(service: "ssh", from: "a", duration: "9 days", because: "b"), .begin),
      (TemporaryGrantArguments(service: "ssh", from: nil), .list(.text)),
    ] {
      #expect(throws: Refusal.self) { try words.request(act) }
    }
  }

  @Test("a number that the list does not have is refused")
  func number() throws {
    let firewall = try FakeFirewall()
    #expect(throws: Refusal.self) { try firewall.execute(.closeNumber(1)) }
    _ = try firewall.apply(try FakeFirewall.candidate("a"))
    #expect(throws: Refusal.self) { try firewall.execute(.closeNumber(1)) }
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

  @Test(
    "after a restart with an unreadable policy file, nothing is opened or closed, and the reason says what to do"
  )
  func afterRestart() throws {
    let firewall = try FakeFirewall()
    _ = try firewall.apply(try FakeFirewall.candidate("a"))
    _ = try firewall.execute(.open(try Self.order()))
    try firewall.restart()
    let requests: [FirewallRequest] = [
      .open(try Self.order()), .close(service: "ssh", from: "laptop"), .closeNumber(1),
    ]
    for request in requests {
      let refusal = FirewallServiceTests.refusal { () throws(Refusal) in try firewall.execute(request) }
      #expect(refusal.contains("only the stored rules are known since the restart"), "\(refusal)")
      #expect(refusal.contains("run wgfence apply p.yaml, or edit the policy file"), "\(refusal)")
    }
    #expect(firewall.driver.store.sent.isEmpty)
  }
}

/// A policy with a hub.
private enum HubPolicy {
  static var policy: Policy {
    get throws {
      let text = """
        version: 1
        tunnels: { wg0: { prefixes: [10.13.13.0/24], listen: 51820, hub: hub } }
        machines:
          hub: { addresses: { wg0: 10.13.13.1 } }
          store: { addresses: { wg0: 10.13.13.2 } }
          laptop: { addresses: { wg0: 10.13.13.10 } }
        """
      return try #require(
        PolicyDecoder.decode(
          bytes: Array(text.utf8), path: "policy.yaml", today: CalendarDate(secondsSince1970: 0)
        ) { _ in .unreadable(reason: "") }.policy)
    }
  }
}
