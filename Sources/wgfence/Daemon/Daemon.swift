// SPDX-License-Identifier: GPL-3.0-or-later

import Enforcement
import Glibc
import LinuxKernel
import NetworkModel
import PolicyAnalysis
import PolicyCompiler
import PolicyLanguage
import RulesetModel

/// The daemon: one thread that sleeps until something happens, and then lets the keeper decide.
///
/// A class, since it is the one place where the process's state lives.
final class Daemon {
  /// What the command line says.
  struct Settings {
    var policy: String
    var machine: MachineOptions
    var socket: String
    var stateDirectory: StateDirectory
    var ownership: Custody<KernelRuleset>.Ownership
    var metrics: MetricsPlace?
    var metricsFile: String?
    /// Between two looks at everything, in nanoseconds.
    var fullReadInterval: Int64
  }

  let settings: Settings
  let surroundings: DaemonSurroundings
  let journal = Journal()
  let since = Int64(time(nil))
  var custody: Custody<KernelRuleset>
  /// What connects.
  var clients = ControlClients()
  var drops: DropLogReader?
  var isEnding = false
  var isUnloaded = false
  /// Whether the table is to be read once what waits is answered.
  var refresh = Refresh.none

  enum Refresh {
    case none
    case wanted
  }

  let poller: Poller
  private let lock: StateLock
  private let signals: SignalReader
  private let timer: AlarmClock
  private var files: FileEvents
  private var rulesetEvents: RulesetEvents
  private var linkEvents: LinkEvents
  private let control: ListeningSocket
  private var metricsListener: ListeningSocket?
  private var scrapes: [UInt64: Scrape] = [:]
  private var schedule = Schedule()
  /// When the policy file is to be read; nil: nothing changed.
  private var settle: Int64?
  private var lastPolicyRead: Int64 = 0
  private var signature: [FileSignature] = []
  /// Whether there is memory to give back before the next sleep.
  private var isFat = false
  private var tunnels: [InterfaceName: TunnelState] = [:]

  /// Moments that come round, in nanoseconds since boot.
  private struct Schedule {
    var fullRead: Int64 = 0
    var endpoints: Int64?
    var metrics: Int64?
    var watchdog: Int64?
  }

  private enum TunnelState {
    case there
    case missing
  }

  /// A connection that wants metrics.
  final class Scrape {
    let connection: Connection
    var inbox: [UInt8] = []
    var outbox: ArraySlice<UInt8> = []
    let deadline: Int64
    init(_ connection: consuming Connection, deadline: Int64) {
      self.connection = connection
      self.deadline = deadline
    }
  }

  private enum Token {
    static let signals: UInt64 = 1
    static let timer: UInt64 = 2
    static let files: UInt64 = 3
    static let ruleset: UInt64 = 4
    static let links: UInt64 = 5
    static let control: UInt64 = 6
    static let drops: UInt64 = 7
    static let metrics: UInt64 = 8
    static let firstConnection: UInt64 = 100
  }
  private var nextToken = Token.firstConnection

  /// Takes hold of everything that is needed. Nothing is written to the kernel yet.
  init(_ settings: Settings) throws(DaemonError) {
    self.settings = settings
    let journal = journal
    surroundings = DaemonSurroundings(path: settings.policy, machine: settings.machine) { severity, text in
      journal.say(severity, text)
    }
    do {
      guard let lock = try settings.stateDirectory.lock() else {
        throw DaemonError(
          "another process keeps \(settings.stateDirectory.path): is a daemon running already?")
      }
      self.lock = lock
      poller = try Poller()
      signals = try SignalReader()
      timer = try AlarmClock()
      files = try FileEvents()
      rulesetEvents = try RulesetEvents(table: Ruleset.tableName)
      linkEvents = try LinkEvents()
      control = try ListeningSocket(path: settings.socket, mode: 0o660)
      let (state, found) = Self.kept(settings.stateDirectory, journal)
      custody = Custody(
        Keeper(state, inForce: found), store: try KernelRuleset(), directory: settings.stateDirectory,
        ownership: settings.ownership, lastResort: Lowering.table(PolicyCompiler.lastResort),
        surroundings: surroundings)
      try poller.add(signals.descriptor, .reading, token: Token.signals)
      try poller.add(timer.descriptor, .reading, token: Token.timer)
      try poller.add(files.descriptor, .reading, token: Token.files)
      try poller.add(rulesetEvents.descriptor, .reading, token: Token.ruleset)
      try poller.add(linkEvents.descriptor, .reading, token: Token.links)
      try poller.add(control.descriptor, .reading, token: Token.control)
    } catch let error as DaemonError {
      throw error
    } catch {
      throw DaemonError("\(error)")
    }
  }

  /// What survived. A state that is damaged is as none: the ruleset for boot is what is known then.
  private static func kept(_ directory: StateDirectory, _ journal: Journal) -> (KeptState, Provenance?) {
    var state = KeptState()
    switch directory.state() {
    case .whole(let found): state = found
    case .absent: break
    case .damaged(let why):
      journal.say(.error, "\(why): going on from the newest ruleset that is whole")
      state.inForce = directory.numbers().last { directory.ruleset($0).value != nil }
    }
    if let number = state.inForce, directory.ruleset(number).value == nil {
      journal.say(.error, "the stored ruleset \(number) is damaged or gone")
      state.inForce = directory.numbers().last { $0 != number && directory.ruleset($0).value != nil }
    }
    return (state, state.inForce.flatMap { directory.ruleset($0).value?.provenance })
  }

  // MARK: The loop

  /// Runs until a signal ends it. The rules stay.
  func run() throws(DaemonError) {
    let now = surroundings.now()
    custody.perform(custody.keeper.begin(at: now, isTableThere: (try? custody.store.read())?.table != nil))
    policyWasRead()
    openDropLog()
    openMetrics()
    schedule.fullRead = now.sinceBoot + settings.fullReadInterval
    if settings.metricsFile != nil { schedule.metrics = now.sinceBoot }
    if let watchdog = ServiceManager.watchdog { schedule.watchdog = now.sinceBoot + watchdog / 2 }
    ServiceManager.tell("READY=1\nSTATUS=\(statusLine)")
    journal.say(.info, "keeping the ruleset equal to \(settings.policy)")
    while !isEnding {
      timer.arm(nextMoment)
      if isFat {
        isFat = false
        Memory.release()
      }
      let ready: [Poller.Ready]
      do throws(SystemError) { ready = try poller.wait() } catch { throw DaemonError("\(error)") }
      for one in ready { take(one) }
      if refresh == .wanted {
        refresh = .none
        custody.verify(author: nil)
      }
      if let settle, settle <= Clock.sinceBoot { readPolicy() }
    }
    ServiceManager.tell("STOPPING=1")
    journal.say(.info, "ending; the rules stay")
  }

  private var nextMoment: Int64? {
    let clients = (Array(clients.all.values.compactMap(\.deadline)) + scrapes.values.map(\.deadline)).min()
    return [
      custody.keeper.alarm, schedule.fullRead, schedule.endpoints, schedule.metrics, schedule.watchdog,
      settle,
      clients,
    ].compactMap { $0 }.min()
  }

  private func take(_ ready: Poller.Ready) {
    switch ready.token {
    case Token.signals:
      while let request = signals.next() {
        switch request {
        case .end: isEnding = true
        case .reload:
          ServiceManager.tell("RELOADING=1\nMONOTONIC_USEC=\(Clock.sinceBoot / 1000)")
          journal.say(.info, "reading everything again, as asked")
          readPolicy()
          custody.verify(author: nil)
          ServiceManager.tell("READY=1")
        }
      }
    case Token.timer:
      timer.acknowledge()
      tick()
    case Token.files: if files.changed() { policyMayHaveChanged() }
    case Token.ruleset: rulesetChanged()
    case Token.links: if (try? linkEvents.read()) != false { linksChanged() }
    case Token.control: acceptClients()
    case Token.drops: readDrops()
    case Token.metrics: acceptScrapes()
    default:
      if let client = clients.all[ready.token] {
        serve(client, ready)
      } else if let scrape = scrapes[ready.token] {
        serve(scrape, ready.token)
      }
    }
  }

  // MARK: The policy file

  /// A policy of one file is read at once. With lists beside it, or soon after another change, what belongs together
  /// is awaited for 20 ms, so that a burst is one apply.
  private func policyMayHaveChanged() {
    let now = Clock.sinceBoot
    let isAlone = surroundings.lists.isEmpty && now - lastPolicyRead > 100_000_000
    settle = max(settle ?? 0, now + (isAlone ? 0 : 20_000_000))
  }

  private func readPolicy() {
    settle = nil
    lastPolicyRead = Clock.sinceBoot
    if isUnloaded { return }
    custody.perform([.readPolicy])
    policyWasRead()
  }

  /// What hangs on the policy that is in force.
  func policyWasRead() {
    files.watch([settings.policy] + surroundings.lists)
    signature = FileSignature.of([settings.policy] + surroundings.lists)
    let isLive = custody.keeper.accepted?.policy.machines.contains { $0.endpoint == .live } == true
    schedule.endpoints = isLive ? Clock.sinceBoot + Self.endpointInterval : nil
    if let reporter = reporter {
      drops?.use(reporter)
    }
    ServiceManager.tell("STATUS=\(statusLine)")
    isFat = true
  }

  private static let endpointInterval: Int64 = 5_000_000_000

  /// The policy in force, as who asks about it needs it.
  var policyInForce: (policy: Policy, machine: Machine, candidate: Candidate)? {
    guard let candidate = custody.candidate ?? custody.keeper.accepted,
      let machine = candidate.policy.machine(named: candidate.machine)
    else { return nil }
    return (candidate.policy, machine, candidate)
  }

  // MARK: The kernel

  private func rulesetChanged() {
    let news: RulesetEvents.News
    do throws(SystemError) {
      news = try rulesetEvents.read()
    } catch {
      journal.say(.warning, "\(error)")
      return
    }
    if isUnloaded { return }
    if news.isLossy {
      custody.verify(author: nil)
      return
    }
    var culprit: RulesetEvents.Author?
    var isTouched = false
    for change in news.changes {
      // What came before the last reading is in it.
      guard let known = custody.observed?.generation, Int32(bitPattern: change.generation &- known) > 0 else {
        continue
      }
      if change.touchesTable {
        isTouched = true
        culprit = change.author ?? culprit
      } else if !isTouched {
        custody.passed(generation: change.generation)
      }
    }
    if isTouched || custody.observed == nil { custody.verify(author: culprit?.description) }
  }

  private func linksChanged() {
    guard let (policy, machine, _) = policyInForce else { return }
    let there = Set((try? LinkTable.read().interfaces.map(\.name)) ?? [])
    for tunnel in policy.tunnels where !machine.addresses(in: tunnel.name).isEmpty {
      let state: TunnelState = there.contains(tunnel.name) ? .there : .missing
      if let before = tunnels[tunnel.name], before != state {
        journal.say(
          state == .there ? .notice : .warning,
          state == .there
            ? "\(tunnel.name) is there" : "\(tunnel.name) is gone; what it protects stays closed")
      }
      tunnels[tunnel.name] = state
    }
    if schedule.endpoints != nil { refreshEndpoints() }
  }

  private func refreshEndpoints() {
    schedule.endpoints = Clock.sinceBoot + Self.endpointInterval
    guard let known = custody.keeper.accepted else { return }
    var live = LiveEndpoints.read(for: known.policy).live
    // Where WireGuard knows nothing for a while (its interface is made anew), what it knew goes on to hold.
    for (machine, addresses) in known.live.addresses where live.addresses[machine]?.isEmpty != false {
      live.addresses[machine] = addresses
    }
    guard live != known.live else { return }
    custody.perform(
      custody.keeper.recompiled(
        known.again(today: Today.date, live: live), because: "a live endpoint changed"))
  }

  // MARK: Time

  private func tick() {
    let now = surroundings.now()
    if custody.keeper.alarm.map({ $0 <= now.sinceBoot }) == true {
      custody.perform(custody.keeper.ring(at: now))
    }
    if schedule.endpoints.map({ $0 <= now.sinceBoot }) == true { refreshEndpoints() }
    if schedule.metrics.map({ $0 <= now.sinceBoot }) == true { writeMetricsFile() }
    if let watchdog = ServiceManager.watchdog, let moment = schedule.watchdog, moment <= now.sinceBoot {
      schedule.watchdog = now.sinceBoot + watchdog / 2
      ServiceManager.tell("WATCHDOG=1")
    }
    if schedule.fullRead <= now.sinceBoot { lookAtEverything(now) }
    for (token, client) in clients.all where client.deadline.map({ $0 <= now.sinceBoot }) == true {
      drop(client, token)
    }
    for (token, scrape) in scrapes where scrape.deadline <= now.sinceBoot { end(scrape, token) }
  }

  /// Whatever no event told of.
  private func lookAtEverything(_ now: Moment) {
    schedule.fullRead = now.sinceBoot + settings.fullReadInterval
    if isUnloaded { return }
    if !custody.isUnchanged() { custody.verify(author: nil) }
    if FileSignature.of([settings.policy] + surroundings.lists) != signature { readPolicy() }
    if let known = custody.keeper.accepted, known.today != Today.date {
      let today = known.again(today: Today.date, live: known.live)
      custody.perform(custody.keeper.recompiled(today, because: "a new day"))
    }
  }

  /// Puts `--metrics-file` in place.
  private func writeMetricsFile() {
    schedule.metrics = Clock.sinceBoot + 15_000_000_000
    guard let path = settings.metricsFile else { return }
    do throws(SystemError) {
      try PublicFile.replace(path, Array(metrics().text.utf8))
    } catch {
      journal.say(.warning, "\(error)")
    }
  }

  // MARK: Connections

  private func acceptClients() {
    do throws(SystemError) {
      while let connection = try control.accept() {
        let peer = try connection.peer()
        guard peer.user == 0 || connection.isPeer(inGroup: "wgfence") else {
          journal.say(.warning, "user \(peer.user) (pid \(peer.pid)) may not speak to the daemon")
          continue
        }
        guard clients.all.count < ControlClients.limit else { continue }
        let token = takeToken()
        try poller.add(connection.descriptor, .reading, token: token)
        clients.all[token] = ControlClient(
          connection, peer, deadline: Clock.sinceBoot + ControlClient.patience)
      }
    } catch {
      journal.say(.warning, "\(error)")
    }
  }

  func takeToken() -> UInt64 {
    nextToken += 1
    return nextToken
  }

  private func openMetrics() {
    guard let place = settings.metrics else { return }
    if let refusal = place.refusal(by: policyInForce?.candidate) {
      journal.say(.error, refusal)
      return
    }
    do throws(SystemError) {
      let listener = try place.listen()
      try poller.add(listener.descriptor, .reading, token: Token.metrics)
      metricsListener = consume listener
    } catch {
      journal.say(.error, "metrics: \(error)")
    }
  }

  private func acceptScrapes() {
    do throws(SystemError) {
      while let connection = try metricsListener?.accept() {
        guard scrapes.count < 16, settings.metrics?.refusal(by: policyInForce?.candidate) == nil else {
          continue
        }
        let token = takeToken()
        try poller.add(connection.descriptor, .reading, token: token)
        scrapes[token] = Scrape(connection, deadline: Clock.sinceBoot + 10_000_000_000)
      }
    } catch {
      journal.say(.warning, "metrics: \(error)")
    }
  }

  private func serve(_ scrape: Scrape, _ token: UInt64) {
    if scrape.outbox.isEmpty {
      switch scrape.connection.receive(atMost: MetricsResponder.mostBytes + 1) {
      case .end: return end(scrape, token)
      case .nothing: return
      case .bytes(let bytes, _): scrape.inbox += bytes
      }
      guard let answer = MetricsResponder.answer(scrape.inbox, metrics: { metrics().text }) else { return }
      scrape.outbox = answer[...]
    }
    guard let sent = scrape.connection.send(scrape.outbox) else { return end(scrape, token) }
    scrape.outbox = scrape.outbox.dropFirst(sent)
    if scrape.outbox.isEmpty { return end(scrape, token) }
    try? poller.change(scrape.connection.descriptor, .writing, token: token)
  }

  private func end(_ scrape: Scrape, _ token: UInt64) {
    poller.remove(scrape.connection.descriptor)
    scrapes[token] = nil
  }

  // MARK: The drop log

  var reporter: DropReporter? {
    policyInForce.map {
      DropReporter($0.policy, machine: $0.machine, today: Today.date, live: $0.candidate.live)
    }
  }

  private func openDropLog() {
    guard drops == nil, let reporter else { return }
    do throws(PacketLogError) {
      let reader = DropLogReader(try PacketLog(), reporter: reporter)
      try? poller.add(reader.descriptor, .reading, token: Token.drops)
      drops = consume reader
    } catch {
      journal.say(.warning, "dropped packets are counted but not logged: \(error)")
    }
  }

  private func readDrops() {
    do throws(NetlinkError) {
      guard let reports = try drops?.read() else { return }
      for report in reports {
        journal.say(.info, DropReportText.journal(report))
        follow(report)
      }
    } catch {
      journal.say(.warning, "\(error)")
    }
  }
}

/// Why the daemon could not begin or go on.
struct DaemonError: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}

/// What tells one state of a file from another without reading it.
struct FileSignature: Hashable {
  let device: UInt64
  let inode: UInt64
  let size: Int64
  let seconds: Int
  let nanoseconds: Int

  static func of(_ paths: [String]) -> [FileSignature] {
    paths.map { path in
      var status = stat()
      guard stat(path, &status) == 0 else {
        return FileSignature(device: 0, inode: 0, size: 0, seconds: 0, nanoseconds: 0)
      }
      return FileSignature(
        device: UInt64(status.st_dev), inode: UInt64(status.st_ino), size: Int64(status.st_size),
        seconds: status.st_mtim.tv_sec, nanoseconds: status.st_mtim.tv_nsec)
    }
  }
}
