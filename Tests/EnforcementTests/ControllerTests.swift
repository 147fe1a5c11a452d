// SPDX-License-Identifier: GPL-3.0-or-later

import Enforcement
import NetworkModel
import PolicyLanguage
import Ruleset
import Testing

@Suite("Deciding which ruleset the kernel must have")
struct ControllerTests {
  static let now = Moment(sinceBoot: 1_000_000_000, sinceEpoch: 1_000, boot: "one")

  static func later(_ seconds: Int64, boot: String = "one") -> Moment {
    Moment(sinceBoot: now.sinceBoot + seconds * 1_000_000_000, sinceEpoch: 1_000 + seconds, boot: boot)
  }

  /// A policy that accepts one port, with this digest.
  static func candidate(_ digest: String, port: Int = 5432) throws -> Candidate {
    let text = """
      version: 1
      tunnels:
        wg0: { prefixes: [10.0.0.0/24], listen: 51820 }
      machines:
        server: { addresses: { wg0: 10.0.0.1 } }
        laptop: { addresses: { wg0: 10.0.0.2 } }
      allow:
        - { to: server, services: [\(port)/tcp], from: laptop }
      """
    let today = CalendarDate(secondsSince1970: 1_795_500_000)
    let decoded = PolicyDecoder.decode(bytes: Array(text.utf8), path: "p.yaml", today: today) { _ in
      .unreadable(reason: "none")
    }
    return try Candidate(
      try #require(decoded.policy), machine: "server", digest: digest, today: today, live: LiveFacts())
  }

  static func provenance(_ digest: String, _ kind: Provenance.Kind = .policy) -> Provenance {
    Provenance(kind: kind, path: "p.yaml", digest: digest, machine: "server", by: "eric", since: 1_000)
  }

  static let refused = PolicyReading.refused(
    PolicyRefusal(digest: "bad", reason: "a test failed", report: ""))

  /// The actions as text, in their order.
  static func words(_ actions: [Controller.Action]) -> [String] {
    actions.map { action in
      switch action {
      case .enforce(let target, _):
        switch target {
        case .candidate(let candidate, let kind): "enforce \(candidate.digest) \(kind.rawValue)"
        case .observed(let candidate, let observer): "observe \(candidate.digest) \(observer)"
        case .stored(let number): "enforce stored \(number)"
        case .storedPanic: "enforce stored panic"
        case .same: "enforce same"
        case .lastResort: "enforce last resort"
        }
      case .store(let settlement): "store \(settlement)"
      case .promise: "promise"
      case .settle: "settle"
      case .discard(let number): "discard \(number)"
      case .storePanic: "store panic"
      case .save: "save"
      case .removeTable: "remove table"
      case .readPolicy: "read"
      case .say(let severity, _): "say \(severity)"
      }
    }
  }

  /// A controller with a policy in force, stored under number 7.
  static func holding(_ digest: String) -> Controller {
    var state = PersistedState()
    state.inForce = 7
    return Controller(state, inForce: provenance(digest))
  }

  @Test("puts the last ruleset in force before anything is read")
  func begins() {
    var controller = Self.holding("a")
    #expect(Self.words(controller.begin(at: Self.now, isTableThere: true)) == ["enforce stored 7", "read"])
  }

  @Test("if nothing is stored, refuses everything rather than nothing", arguments: [true, false])
  func beginsWithNothing(_ isTableThere: Bool) {
    var controller = Controller(PersistedState(), inForce: nil)
    let words = Self.words(controller.begin(at: Self.now, isTableThere: isTableThere))
    #expect(words == (isTableThere ? ["read"] : ["enforce last resort", "read"]))
  }

  @Test("changes nothing for a policy that is not accepted, and reports it once")
  func neverOpens() {
    var controller = Self.holding("a")
    #expect(Self.words(controller.read(Self.refused, at: Self.now)) == ["say error"])
    #expect(controller.read(Self.refused, at: Self.now).isEmpty)
    #expect(controller.inForce?.digest == "a")
    #expect(controller.state.inForce == 7)
  }

  @Test("puts an accepted policy in force, then stores it for the next boot")
  func policyFile() throws {
    var controller = Self.holding("a")
    let candidate = try Self.candidate("b")
    #expect(Self.words(controller.read(.accepted(candidate), at: Self.now)) == ["enforce b policy"])
    let actions = controller.enforced(
      .policyFile("the policy file"), .candidate(candidate, .policy),
      .equal(changes: 3, Self.provenance("b")), at: Self.now)
    #expect(Self.words(actions) == ["store settled", "save", "say notice"])
    controller.stored(8)
    #expect(controller.state.inForce == 8)
    #expect(controller.tally.applies == 1)
  }

  @Test("what the kernel refuses does not change what is in force, and is tried again with growing pauses")
  func retries() throws {
    var controller = Self.holding("a")
    _ = controller.begin(at: Self.now, isTableThere: true)
    _ = controller.enforced(.begin, .stored(7), .equal(changes: 0, Self.provenance("a")), at: Self.now)
    let candidate = try Self.candidate("b")
    var pauses: [Int64] = []
    for _ in 0..<14 {
      let actions = controller.enforced(
        .policyFile("the policy file"), .candidate(candidate, .policy), .failed("no memory"),
        at: Self.now)
      #expect(Self.words(actions) == ["say error"])
      pauses.append(try #require(controller.retry).moment - Self.now.sinceBoot)
    }
    #expect(pauses.prefix(4) == [100_000_000, 200_000_000, 400_000_000, 800_000_000])
    #expect(pauses.last == 60_000_000_000)
    #expect(controller.inForce?.digest == "a")
    #expect(controller.alarm == controller.retry?.moment)
    #expect(controller.ring(at: Self.now).isEmpty)
    #expect(Self.words(controller.ring(at: Self.later(60))) == ["enforce same", "read"])
  }

  @Test("saves the ruleset to go back to before a trial changes the kernel")
  func trial() throws {
    var controller = Self.holding("a")
    let candidate = try Self.candidate("b")
    let confirm = Controller.Confirm(seconds: 60, connections: ["x"])
    let actions = try controller.apply(candidate, by: "eric", confirm: confirm, at: Self.now)
    #expect(Self.words(actions) == ["promise", "enforce b policy"])
    #expect(controller.state.pending?.back == 7)
    #expect(controller.state.pending?.connections == ["x"])
    let after = controller.enforced(
      .apply(by: "eric", confirm: confirm), .candidate(candidate, .policy),
      .equal(changes: 3, Self.provenance("b")), at: Self.now)
    #expect(Self.words(after) == ["store pending", "save", "say notice"])
    #expect(controller.alarm == Self.later(60).sinceBoot)
    // Nothing else is put in force in the meantime.
    #expect(controller.read(.accepted(try Self.candidate("c")), at: Self.now).isEmpty)
    #expect(throws: Refusal.self) {
      try controller.apply(candidate, by: "ryan", confirm: nil, at: Self.now)
    }
  }

  // MARK: Policies that would end what works

  private static let objection = Objection(reason: "the tunnel wg0 would end", report: "tunnel:wg0\n")

  @Test("on a machine on which nothing was ever in force, enforces nothing until a policy is accepted")
  func neverInForce() throws {
    var controller = Controller(PersistedState(), inForce: nil, past: .nothing)
    #expect(
      Self.words(controller.begin(at: Self.now, isTableThere: false)) == ["say notice", "read"])
    #expect(Self.words(controller.read(Self.refused, at: Self.now)) == ["say error"])
    #expect(controller.inForce == nil)
    #expect(
      Self.words(controller.read(.accepted(try Self.candidate("a")), at: Self.now)) == ["enforce a policy"])
  }

  @Test("there, a policy that would end what works is only observed, until it is accepted")
  func observedFirst() throws {
    var controller = Controller(PersistedState(), inForce: nil, past: .nothing)
    _ = controller.begin(at: Self.now, isTableThere: false)
    let candidate = try Self.candidate("a")
    let words = Self.words(controller.read(.accepted(candidate, Self.objection), at: Self.now))
    #expect(words == ["say warning", "observe a daemon(Optional(\"the tunnel wg0 would end\"))"])
    let observer = Provenance.Observer.daemon("the tunnel wg0 would end")
    _ = controller.enforced(
      .policyFile("the policy file"), .observed(candidate, observer),
      .equal(changes: 3, candidate.provenance(.observe, observer: observer, by: "the daemon", since: 1)),
      at: Self.now)
    controller.stored(1)
    // A new file is observed too, also without an objection, and after a restart.
    #expect(
      Self.words(controller.read(.accepted(try Self.candidate("b")), at: Self.now)).last
        == "observe b daemon(nil)")
    // The reason is that of the present file.
    let other = Objection(reason: "the guests would end", report: "guests:br0\n")
    #expect(
      Self.words(controller.read(.accepted(try Self.candidate("b"), other), at: Self.now)).last
        == "observe b daemon(Optional(\"the guests would end\"))")
    #expect(
      Self.words(controller.recompiled(candidate, because: "a new day"))
        == ["observe a daemon(Optional(\"the tunnel wg0 would end\"))"])
    #expect(throws: Refusal.self) { try controller.accept("b", by: "eric") }
    _ = controller.read(.accepted(candidate), at: Self.now)
    #expect(Self.words(try controller.accept("a", by: "eric")) == ["enforce a policy"])
  }

  @Test(
    "a changed policy file that would end what works is held back, reported once, and accepted by its digest")
  func heldBack() throws {
    var controller = Self.holding("a")
    let candidate = try Self.candidate("b")
    #expect(
      Self.words(controller.read(.accepted(candidate, Self.objection), at: Self.now)) == ["say warning"])
    #expect(controller.read(.accepted(candidate, Self.objection), at: Self.now).isEmpty)
    #expect(controller.inForce?.digest == "a")
    #expect(throws: Refusal.self) { try controller.accept("c", by: "eric") }
    #expect(Self.words(try controller.accept("b", by: "eric")) == ["enforce b policy"])
    _ = controller.enforced(
      .accept(by: "eric"), .candidate(candidate, .policy), .equal(changes: 1, Self.provenance("b")),
      at: Self.now)
    // What is in force is not held back when it is read again, and there is nothing to accept any more.
    #expect(
      Self.words(controller.read(.accepted(candidate, Self.objection), at: Self.now)) == ["enforce b policy"])
    #expect(throws: Refusal.self) { try controller.accept(nil, by: "eric") }
  }

  @Test("a file without an objection replaces one that is held back")
  func heldBackIsReplaced() throws {
    var controller = Self.holding("a")
    _ = controller.read(.accepted(try Self.candidate("b"), Self.objection), at: Self.now)
    #expect(
      Self.words(controller.read(.accepted(try Self.candidate("c")), at: Self.now)) == ["enforce c policy"])
    #expect(throws: Refusal.self) { try controller.accept(nil, by: "eric") }
  }

  @Test("apply --observe lasts over new files, a restart and a panic, until enforce")
  func observing() throws {
    var controller = Self.holding("a")
    let candidate = try Self.candidate("b")
    #expect(
      Self.words(try controller.apply(candidate, .observing, by: "eric", confirm: nil, at: Self.now))
        == ["observe b user"])
    let provenance = candidate.provenance(.observe, observer: .user, by: "eric", since: 1)
    _ = controller.enforced(
      .apply(by: "eric", confirm: nil), .observed(candidate, .user), .equal(changes: 1, provenance),
      at: Self.now)
    controller.stored(8)
    var again = Controller(try #require(PersistedState(controller.state.bytes)), inForce: provenance)
    _ = again.read(.accepted(candidate), at: Self.now)
    #expect(
      Self.words(again.read(.accepted(try Self.candidate("c"), Self.objection), at: Self.now))
        == ["observe c user"])
    _ = again.read(.accepted(candidate), at: Self.now)
    _ = again.panic(by: "eric", at: Self.now)
    _ = again.enforced(
      .panic(by: "eric"), .candidate(candidate, .panic), .equal(changes: 1, Self.provenance("b", .panic)),
      at: Self.now)
    #expect(throws: Refusal.self) { try again.endObservation(candidate, by: "eric") }
    #expect(Self.words(try again.endPanic(by: "eric")) == ["observe b user"])
    #expect(Self.words(try controller.endObservation(candidate, by: "eric")) == ["enforce b policy"])
    #expect(throws: Refusal.self) { try controller.endObservation(nil, by: "eric") }
  }

  @Test("a trial before which nothing was in force ends without a table, and is tried again if that fails")
  func trialOfTheFirst() throws {
    var controller = Controller(PersistedState(), inForce: nil, past: .nothing)
    let (candidate, confirm) = (try Self.candidate("a"), Controller.Confirm(seconds: 60, connections: []))
    #expect(
      Self.words(try controller.apply(candidate, by: "eric", confirm: confirm, at: Self.now))
        == ["promise", "enforce a policy"])
    _ = controller.enforced(
      .apply(by: "eric", confirm: confirm), .candidate(candidate, .policy),
      .equal(changes: 3, Self.provenance("a")),
      at: Self.now)
    controller.stored(1)
    #expect(PersistedState(controller.state.bytes) == controller.state)
    #expect(controller.ring(at: Self.later(59)).isEmpty)
    #expect(Self.words(controller.ring(at: Self.later(60))) == ["remove table"])
    #expect(Self.words(controller.removed("late", failure: "busy", at: Self.later(60))) == ["say error"])
    #expect(Self.words(controller.ring(at: Self.later(61))) == ["remove table"])
    #expect(
      Self.words(controller.removed("late", failure: nil, at: Self.later(61)))
        == ["save", "discard 1", "say warning", "read"])
    #expect(controller.inForce == nil && controller.state.inForce == nil && controller.state.pending == nil)
    var rebooted = Controller(PersistedState(), inForce: nil, past: .nothing)
    _ = try rebooted.apply(candidate, by: "eric", confirm: confirm, at: Self.now)
    #expect(Self.words(rebooted.endTrial(at: Self.later(1, boot: "two"))) == ["say warning", "save"])
  }

  @Test(
    "a trial that was interrupted before the kernel was changed goes back, and its policy is not put in force from the file",
    arguments: [now, later(9, boot: "two")])
  func interruptedTrial(_ next: Moment) throws {
    var controller = Self.holding("a")
    _ = controller.read(.accepted(try Self.candidate("a")), at: Self.now)
    let candidate = try Self.candidate("b")
    _ = try controller.apply(
      candidate, by: "eric", confirm: Controller.Confirm(seconds: 60, connections: []), at: Self.now)
    var other = Controller(
      try #require(PersistedState(controller.state.bytes)), inForce: Self.provenance("a"))
    _ = other.begin(at: next, isTableThere: true)
    if other.state.pending != nil {
      _ = other.enforced(
        .goBack("interrupted"), .stored(7), .equal(changes: 0, Self.provenance("a")), at: next)
    }
    #expect(other.state.pending == nil && other.inForce?.digest == "a")
    #expect(other.isSuperseded("b"))
    #expect(other.read(.accepted(candidate), at: next).isEmpty)
    // A file that cannot be read for a while has no other content.
    let unreadable = PolicyRefusal(digest: nil, reason: "busy", report: "")
    #expect(Self.words(other.read(.refused(unreadable), at: next)) == ["say error"])
    #expect(other.isFileSuperseded)
    #expect(other.read(.accepted(candidate), at: next).isEmpty)
    // Another file takes effect, and then this one again.
    #expect(
      Self.words(other.read(.accepted(try Self.candidate("c")), at: next)) == ["save", "enforce c policy"])
    #expect(Self.words(other.read(.accepted(candidate), at: next)) == ["enforce b policy"])
  }

  @Test(
    "a trial that the kernel refuses is not put in force from the file, unless the file had that policy before"
  )
  func releaseOfRefusedTrial() throws {
    for (file, isHeldOff) in [("a", true), ("b", false)] {
      var controller = Self.holding("a")
      _ = controller.read(.accepted(try Self.candidate(file)), at: Self.now)
      let (candidate, confirm) = (try Self.candidate("b"), Controller.Confirm(seconds: 60, connections: []))
      _ = try controller.apply(candidate, by: "eric", confirm: confirm, at: Self.now)
      let actions = controller.enforced(
        .apply(by: "eric", confirm: confirm), .candidate(candidate, .policy), .failed("no"), at: Self.now)
      #expect(Self.words(actions) == ["say error", "save"])
      #expect(controller.state.pending == nil && controller.isSuperseded("b") == isHeldOff)
      #expect(controller.read(.accepted(candidate), at: Self.now).isEmpty == isHeldOff)
    }
  }

  /// A controller with policy `b` on trial, and `a` as the policy to go back to.
  static func onTrial() throws -> Controller {
    var controller = holding("a")
    _ = controller.read(.accepted(try candidate("a")), at: now)
    let candidate = try candidate("b")
    let confirm = Controller.Confirm(seconds: 60, connections: [])
    _ = try controller.apply(candidate, by: "eric", confirm: confirm, at: now)
    _ = controller.enforced(
      .apply(by: "eric", confirm: confirm), .candidate(candidate, .policy),
      .equal(changes: 3, provenance("b")), at: now)
    controller.stored(8)
    return controller
  }

  @Test("goes back if a trial is not confirmed, even if the kernel refuses at first")
  func goesBack() throws {
    var controller = try Self.onTrial()
    #expect(controller.ring(at: Self.later(59)).isEmpty)
    #expect(Self.words(controller.ring(at: Self.later(60))) == ["enforce stored 7"])
    _ = controller.enforced(.goBack("why"), .stored(7), .failed("busy"), at: Self.later(60))
    #expect(Self.words(controller.ring(at: Self.later(61))) == ["enforce stored 7"])
    let actions = controller.enforced(
      .goBack("why"), .stored(7), .equal(changes: 3, Self.provenance("a")), at: Self.later(61))
    #expect(Self.words(actions) == ["save", "discard 8", "say warning", "read"])
    #expect(controller.state.pending == nil)
    #expect(controller.state.inForce == 7)
    #expect(controller.alarm == nil)
  }

  @Test("a confirmed trial is stored for boot")
  func confirms() throws {
    var controller = try Self.onTrial()
    #expect(
      Self.words(try controller.confirm(by: "eric")) == ["settle", "say notice", "read"])
    #expect(controller.state.pending == nil)
    #expect(throws: Refusal.self) { try controller.confirm(by: "eric") }
    // The content of the file has not changed: the apply overrides it.
    #expect(controller.read(.accepted(try Self.candidate("a")), at: Self.now).isEmpty)
    #expect(
      Self.words(controller.read(.accepted(try Self.candidate("c")), at: Self.now))
        == ["save", "enforce c policy"])
  }

  @Test("after a restart of the daemon the countdown continues, after one of the machine it has gone back")
  func survivesRestarts() throws {
    let state = try Self.onTrial().state
    let restored = try #require(PersistedState(state.bytes))
    #expect(restored == state)
    var same = Controller(restored, inForce: Self.provenance("b"))
    #expect(Self.words(same.begin(at: Self.later(30), isTableThere: true)) == ["enforce stored 8", "read"])
    #expect(same.alarm == Self.later(60).sinceBoot)
    var late = Controller(restored, inForce: Self.provenance("b"))
    #expect(Self.words(late.begin(at: Self.later(61), isTableThere: true)) == ["enforce stored 7", "read"])
    var rebooted = Controller(restored, inForce: Self.provenance("b"))
    let words = Self.words(rebooted.begin(at: Self.later(5, boot: "two"), isTableThere: true))
    #expect(words == ["say warning", "save", "discard 8", "enforce stored 7", "read"])
    #expect(rebooted.state.pending == nil)
  }

  @Test("after an apply that the kernel refuses no trial is pending")
  func refusedTrial() throws {
    var controller = Self.holding("a")
    let candidate = try Self.candidate("b")
    let confirm = Controller.Confirm(seconds: 60, connections: [])
    _ = try controller.apply(candidate, by: "eric", confirm: confirm, at: Self.now)
    let actions = controller.enforced(
      .apply(by: "eric", confirm: confirm), .candidate(candidate, .policy), .failed("no"),
      at: Self.now)
    #expect(Self.words(actions) == ["say error", "save"])
    #expect(controller.state.pending == nil)
    #expect(controller.state.inForce == 7)
    #expect(controller.alarm == nil)
  }

  @Test("a panic stays in force across policies and restarts, and ends with the policy")
  func panics() throws {
    var controller = Self.holding("a")
    let candidate = try Self.candidate("a")
    _ = controller.read(.accepted(candidate), at: Self.now)
    #expect(Self.words(controller.panic(by: "eric", at: Self.now)) == ["save", "enforce a panic"])
    let actions = controller.enforced(
      .panic(by: "eric"), .candidate(candidate, .panic), .equal(changes: 9, Self.provenance("a", .panic)),
      at: Self.now)
    #expect(Self.words(actions) == ["store panic", "save", "say warning"])
    #expect(controller.state.panic?.behind == 7)
    #expect(
      Self.words(controller.read(.accepted(try Self.candidate("b")), at: Self.now)) == ["enforce b panic"])
    #expect(throws: Refusal.self) { try controller.apply(candidate, by: "ryan", confirm: nil, at: Self.now) }
    #expect(throws: Refusal.self) { try controller.rollback(to: 6, by: "ryan") }
    var again = Controller(try #require(PersistedState(controller.state.bytes)), inForce: nil)
    #expect(Self.words(again.begin(at: Self.now, isTableThere: true)) == ["enforce stored panic", "read"])
    #expect(Self.words(try again.endPanic(by: "eric")) == ["enforce stored 7"])
    #expect(Self.words(try controller.endPanic(by: "eric")) == ["enforce b policy"])
  }

  @Test("drift is repaired, and counted if there was any")
  func repairs() {
    var controller = Self.holding("a")
    #expect(Self.words(controller.drifted(by: "nft[8]")) == ["enforce same"])
    _ = controller.enforced(
      .repair(by: "nft[8]"), .same, .equal(changes: 2, Self.provenance("a")), at: Self.now)
    #expect(controller.tally.repairs == 1)
    let quiet = controller.enforced(
      .repair(by: "nft[8]"), .same, .equal(changes: 0, Self.provenance("a")), at: Self.now)
    #expect(quiet.isEmpty)
    #expect(controller.tally.repairs == 1)
  }

  @Test("an apply by a process that read no file overrides the file that the daemon read last")
  func supersedesUnread() throws {
    var daemon = Self.holding("a")
    _ = daemon.read(.accepted(try Self.candidate("a")), at: Self.now)
    var verb = Controller(daemon.state, inForce: Self.provenance("a"))
    _ = verb.enforced(
      .apply(by: "eric", confirm: nil), .candidate(try Self.candidate("b"), .policy),
      .equal(changes: 1, Self.provenance("b")), at: Self.now)
    #expect(verb.state.superseded == ["a"])
  }

  @Test("a rollback overrides the file until its content changes")
  func rollsBack() throws {
    var controller = Self.holding("b")
    _ = controller.read(.accepted(try Self.candidate("b")), at: Self.now)
    #expect(Self.words(try controller.rollback(to: 6, by: "eric")) == ["enforce stored 6"])
    _ = controller.enforced(
      .rollback(by: "eric"), .stored(6), .equal(changes: 1, Self.provenance("a")), at: Self.now)
    #expect(controller.state.superseded == ["b"])
    #expect(controller.read(.accepted(try Self.candidate("b")), at: Self.now).isEmpty)
    #expect(
      Self.words(controller.read(.accepted(try Self.candidate("c")), at: Self.now))
        == ["save", "enforce c policy"])
  }

  @Test("a panic that the kernel refuses during a trial does not change the trial and its deadline")
  func refusedPanic() throws {
    var controller = try Self.onTrial()
    let deadline = controller.alarm
    // The failsafe grants of what is in force, which is the trial.
    #expect(
      Self.words(controller.panic(try Self.candidate("b"), by: "ryan", at: Self.now))
        == ["save", "enforce b panic"])
    let actions = controller.enforced(
      .panic(by: "ryan"), .candidate(try Self.candidate("b"), .panic), .failed("no memory"), at: Self.now)
    #expect(Self.words(actions) == ["say error", "save"])
    #expect(controller.state.panic == nil)
    #expect(controller.alarm == deadline)
    #expect(Self.words(controller.ring(at: Self.later(60))) == ["enforce stored 7"])
  }

  @Test("a panic during a trial ends it, and the ruleset before the trial follows the panic")
  func panicInTrial() throws {
    var controller = try Self.onTrial()
    _ = controller.panic(by: "ryan", at: Self.now)
    _ = controller.enforced(
      .panic(by: "ryan"), .candidate(try Self.candidate("a"), .panic),
      .equal(changes: 1, Self.provenance("a", .panic)), at: Self.now)
    #expect(controller.state.pending == nil)
    #expect(controller.state.panic?.behind == 7)
    #expect(controller.alarm == nil)
  }

  @Test("a panic is known to the next daemon even if the kernel was not changed yet")
  func panicIsPromised() throws {
    var controller = Self.holding("a")
    _ = controller.panic(by: "eric", at: Self.now)
    var next = Controller(try #require(PersistedState(controller.state.bytes)), inForce: nil)
    #expect(Self.words(next.begin(at: Self.now, isTableThere: true)) == ["enforce stored panic", "read"])
  }

  @Test("no trial starts while what is in force is not stored, since nothing could be gone back to")
  func noTrialWithoutWayBack() throws {
    var controller = Self.holding("a")
    controller.stored(nil)
    let confirm = Controller.Confirm(seconds: 60, connections: [])
    #expect(throws: Refusal.self) {
      try controller.apply(try Self.candidate("b"), by: "eric", confirm: confirm, at: Self.now)
    }
    #expect(controller.state.pending == nil)
  }

  @Test("if the stored ruleset cannot be put in force and there is no table, the last resort replaces it")
  func standsIn() {
    var controller = Self.holding("a")
    _ = controller.begin(at: Self.now, isTableThere: false)
    let failed = controller.enforced(.begin, .stored(7), .failed("no memory"), at: Self.now)
    #expect(Self.words(failed) == ["say error", "enforce last resort"])
    _ = controller.enforced(
      .begin, .lastResort, .equal(changes: 9, Self.provenance("", .lockDown)), at: Self.now)
    _ = controller.read(Self.refused, at: Self.now)
    #expect(controller.alarm != nil)
    #expect(Self.words(controller.ring(at: Self.later(1))) == ["enforce stored 7", "read"])
    _ = controller.enforced(.begin, .stored(7), .equal(changes: 9, Self.provenance("a")), at: Self.later(1))
    #expect(controller.alarm == nil)
  }

  @Test(
    "if a table exists already, the last resort does not replace it when a stored ruleset is refused")
  func keepsTheTable() {
    var controller = Self.holding("a")
    _ = controller.begin(at: Self.now, isTableThere: true)
    #expect(
      Self.words(controller.enforced(.begin, .stored(7), .failed("no"), at: Self.now)) == ["say error"])
    #expect(Self.words(controller.ring(at: Self.later(1))) == ["enforce stored 7", "read"])
  }

  @Test("a last resort that is refused is tried again")
  func lastResortAgain() {
    var controller = Controller(PersistedState(), inForce: nil)
    _ = controller.begin(at: Self.now, isTableThere: false)
    #expect(
      Self.words(controller.enforced(.begin, .lastResort, .failed("no"), at: Self.now)) == ["say error"])
    #expect(Self.words(controller.ring(at: Self.later(1))) == ["enforce last resort", "read"])
  }

  @Test("another day changes what is in force, but not which policy overrides the other")
  func recompiles() throws {
    var controller = Self.holding("b")
    _ = controller.read(.accepted(try Self.candidate("a")), at: Self.now)
    _ = controller.enforced(
      .apply(by: "eric", confirm: nil), .candidate(try Self.candidate("b"), .policy),
      .equal(changes: 1, Self.provenance("b")), at: Self.now)
    #expect(controller.state.superseded == ["a"])
    let actions = controller.recompiled(try Self.candidate("b"), because: "a new day")
    #expect(Self.words(actions) == ["enforce b policy"])
    _ = controller.enforced(
      .recompile("a new day"), .candidate(try Self.candidate("b"), .policy),
      .equal(changes: 1, Self.provenance("b")), at: Self.now)
    #expect(controller.state.superseded == ["a"])
    #expect(controller.recompiled(try Self.candidate("a"), because: "a new day").isEmpty)
  }

  @Test("what the host tells changes the ruleset of a panic too, if it is about the accepted policy")
  func recompilesInPanic() throws {
    var controller = Self.holding("b")
    _ = controller.read(.accepted(try Self.candidate("a")), at: Self.now)
    _ = controller.panic(by: "eric", at: Self.now)
    #expect(controller.recompiled(try Self.candidate("b"), because: "another port").isEmpty)
    let actions = controller.recompiled(try Self.candidate("a"), because: "another port")
    #expect(Self.words(actions) == ["enforce a panic"])
  }

  @Test("after the table was deleted only a request creates it again")
  func releases() throws {
    var controller = try Self.onTrial()
    #expect(Self.words(controller.released()) == ["save", "discard 8"])
    #expect(controller.alarm == nil)
    #expect(controller.state.inForce == 7)
    #expect(Self.words(controller.read(.accepted(try Self.candidate("c")), at: Self.now)) == ["save"])
    #expect(controller.drifted(by: "nft[8]").isEmpty)
    #expect(controller.recompiled(try Self.candidate("b"), because: "a new day").isEmpty)
    #expect(controller.ring(at: Self.later(100)).isEmpty)
    let candidate = try Self.candidate("c")
    #expect(
      Self.words(try controller.apply(candidate, by: "eric", confirm: nil, at: Self.now)) == [
        "enforce c policy"
      ])
    _ = controller.enforced(
      .apply(by: "eric", confirm: nil), .candidate(candidate, .policy),
      .equal(changes: 1, Self.provenance("c")), at: Self.now)
    #expect(!controller.isReleased)
  }
}
