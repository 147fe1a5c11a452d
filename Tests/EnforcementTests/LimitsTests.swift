// SPDX-License-Identifier: GPL-3.0-or-later

import Enforcement
import Testing

@Suite("Limits for clients")
struct LimitsTests {
  @Test("a new connection gets a slot, and the owner with the most connections loses its oldest")
  func places() {
    var places = ConnectionPlaces<String>(total: 4, perOwner: 3)
    #expect(places.admit(1, of: "a") == nil)
    #expect(places.admit(2, of: "b") == nil)
    #expect(places.admit(3, of: "b") == nil)
    #expect(places.admit(4, of: "b") == nil)
    // The limit of the owner applies first, although no slot is free.
    #expect(places.admit(5, of: "b") == 2)
    #expect(places.admit(6, of: "c") == 3)
    #expect(places.admit(7, of: "d") == 4)
    // Each owner has one: the oldest connection loses its slot.
    #expect(places.admit(8, of: "e") == 1)
    #expect(places.count == 4)
    places.leave(5)
    #expect(places.admit(9, of: "a") == nil)
    #expect(places.count == 4)
  }

  @Test("a source that connects repeatedly never ends the connection of another source")
  func flood() {
    var places = ConnectionPlaces<String>(total: 16, perOwner: 4)
    #expect(places.admit(0, of: "prometheus") == nil)
    for token in 1...1000 { #expect(places.admit(UInt64(token), of: "slow") != 0) }
    #expect(places.count == 5)
  }

  @Test("any number of members of the group leaves connections for root")
  func control() {
    var held: [ControlPlaces.Owner] = []
    for user in 1...UInt32(100) {
      for _ in 0..<100 where ControlPlaces.refusal(of: .user(user), among: held) == nil {
        held.append(.user(user))
      }
    }
    #expect(held.count == ControlPlaces.members)
    #expect(held.count { $0 == .user(1) } == ControlPlaces.perMember)
    #expect(ControlPlaces.refusal(of: .user(7), among: held)?.contains("24") == true)
    for _ in 0..<8 {
      #expect(ControlPlaces.refusal(of: .root, among: held) == nil)
      held.append(.root)
    }
    #expect(ControlPlaces.refusal(of: .root, among: held)?.contains("32") == true)
  }

  @Test("root of another network namespace has the limits of a member")
  func foreignRoot() {
    let held = [ControlPlaces.Owner](repeating: .user(0), count: ControlPlaces.perMember)
    #expect(ControlPlaces.refusal(of: .user(0), among: held) != nil)
    #expect(ControlPlaces.refusal(of: .root, among: held) == nil)
  }

  private static let second: Int64 = 1_000_000_000

  @Test("a line that a client causes is written once a minute, with the number of lines left out")
  func repeated() {
    var budget = LineBudget()
    #expect(budget.verdict(on: "too many", .clients, now: 0) == .say(leftOut: 0))
    for number in 1..<60 {
      #expect(budget.verdict(on: "too many", .clients, now: Int64(number) * Self.second) == .leaveOut)
    }
    #expect(budget.verdict(on: "too many", .clients, now: 60 * Self.second) == .say(leftOut: 59))
  }

  @Test("a day of messages of one topic stays within its budget, and does not use the budget of another")
  func day() {
    var budget = LineBudget()
    var written = 0
    for number in 0..<864_000 {
      let now = Int64(number) * Self.second / 10
      if case .say = budget.verdict(on: "\(number)", .clients, now: now) { written += 1 }
    }
    #expect((28_000...29_000).contains(written))
    #expect(budget.verdict(on: "repaired", .state, now: 86_400 * Self.second) == .say(leftOut: 0))
  }

  @Test("a burst is written completely, and the budget refills")
  func burst() {
    var budget = LineBudget()
    for number in 0..<200 { #expect(budget.verdict(on: "\(number)", .state, now: 5) == .say(leftOut: 0)) }
    #expect(budget.verdict(on: "x", .state, now: 5) == .leaveOut)
    #expect(budget.verdict(on: "y", .state, now: 5 + Self.second) == .say(leftOut: 1))
  }
}
