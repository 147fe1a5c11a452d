// SPDX-License-Identifier: GPL-3.0-or-later

package import Enforcement
internal import Glibc
internal import LinuxHost
internal import Netlink
internal import NetworkModel
internal import PolicyAnalysis
internal import PolicyCompiler
package import PolicyFiles
internal import PolicyLanguage
package import ReleaseFiles
internal import Ruleset

/// The daemon: one thread that sleeps until something happens, and then lets the controller decide.
///
/// A class, because it holds the state of the process, of which there is only one.
package final class Daemon {
  /// The settings from the command line.
  package struct Settings {
    var policy: String
    var machine: MachineChoice
    var socket: String
    var stateDirectory: StateDirectory
    /// The trust file and the ratchet of a fleet; nil: the daemon takes no releases.
    var fleet: FleetPlaces?
    var ownership: ControllerDriver<KernelRuleset>.Ownership
    var metrics: MetricsPlace?
    var metricsFile: String?
    /// Time between two full reads, in nanoseconds.
    var fullReadInterval: Int64

    /// A value of these parts.
    package init(
      policy: String, machine: MachineChoice, socket: String, stateDirectory: StateDirectory,
      fleet: FleetPlaces? = nil,
      ownership: ControllerDriver<KernelRuleset>.Ownership, metrics: MetricsPlace? = nil,
      metricsFile: String? = nil,
      fullReadInterval: Int64
    ) {
      self.policy = policy
      self.machine = machine
      self.socket = socket
      self.stateDirectory = stateDirectory
      self.fleet = fleet
      self.ownership = ownership
      self.metrics = metrics
      self.metricsFile = metricsFile
      self.fullReadInterval = fullReadInterval
    }
  }

  let settings: Settings
  let environment: DaemonEnvironment
  let journal = Journal()
  let since = Int64(time(nil))
  var driver: ControllerDriver<KernelRuleset>
  /// Carries out requests.
  let service: FirewallService
  /// The clients of the control socket.
  var clients = ControlClients()
  /// Policies that are being read and checked.
  let checks: PolicyChecks
  var drops: DropLogReader?
  var books: DropBooks
  var isEnding = false
  /// Whether the table is read after the events at hand are handled.
  var refresh = Refresh.none

  enum Refresh {
    case none
    case wanted
  }

  let poller: Poller
  private let lock: StateLock
  private let signals: SignalReader
  private let timer: AlarmClock
  var files: FileEvents
  private var rulesetEvents: RulesetEvents
  private var linkEvents: LinkEvents
  let control: ListeningSocket
  var metricsListener: ListeningSocket?
  var scrapes: [UInt64: MetricsScrape] = [:]
  var scrapePlaces = ConnectionPlaces<ScrapeSource>(
    total: MetricsScrape.limit, perOwner: MetricsScrape.sourceLimit)
  /// A spare descriptor, for when the process has none left.
  var spare = SpareDescriptor()
  var accepting = Accepting.open
  /// Why metrics are not served, as last logged; nil if they are served, or not configured.
  var metricsRefusal: String?
  /// The last judgement of whether a policy permits metrics.
  var metricsJudgement: MetricsPlace.Judgement?
  /// Why dropped packets are not logged, as last written to the journal.
  var dropLogRefusal: String?
  var schedule = Schedule()
  /// When the policy file is read next, in nanoseconds since boot; nil: nothing changed.
  var settle: Int64?
  var lastPolicyRead: Int64 = 0
  /// How many checks of the policy file in a row ended after the file was replaced.
  var outdatedChecks = 0
  /// The signatures of the policy's files right before they were last read, so that a later change is not missed.
  var signatures: [String: FileSignature] = [:]
  /// `FleetPlaces.mark` when the policy was last read: a result for another release is not used.
  var fleetMark: String?
  /// Whether the service manager waits for the policy file to be read.
  var isReloading = false
  /// Whether to release memory before the next sleep.
  var isFat = false
  var tunnels: [InterfaceName: TunnelState] = [:]

  /// Times of recurring work, in nanoseconds since boot.
  struct Schedule {
    var fullRead: Int64 = 0
    var endpoints: Int64?
    var metrics: Int64?
    var watchdog: Int64?
    /// When storing is tried again after a failure.
    var storing: Int64 = 0
    /// When the start is reported even if the policy file was not read yet; nil: it was reported.
    var ready: Int64?
    /// When connections are accepted again, after there was no descriptor for one.
    var accept: Int64?
  }

  enum TunnelState {
    case there
    case missing
  }

  enum Token {
    static let signals: UInt64 = 1
    static let timer: UInt64 = 2
    static let files: UInt64 = 3
    static let ruleset: UInt64 = 4
    static let links: UInt64 = 5
    static let control: UInt64 = 6
    static let drops: UInt64 = 7
    static let metrics: UInt64 = 8
    static let checks: UInt64 = 9
    static let firstConnection: UInt64 = 100
  }
  var nextToken = Token.firstConnection

  /// Opens every socket and lock that the daemon needs. Writes nothing to the kernel yet.
  package init(_ settings: Settings) throws(DaemonError) {
    self.settings = settings
    service = FirewallService(
      settings.stateDirectory, in: .daemon(retry: Self.storingInterval / 1_000_000_000),
      sessions: KernelSessions())
    books = DropBooks(stored: StoredDrops(settings.stateDirectory))
    let journal = journal
    environment = DaemonEnvironment(machine: settings.machine) { severity, text in
      journal.say(severity, text)
    }
    try DaemonError.requireKernel()
    do {
      guard let lock = try settings.stateDirectory.lock() else {
        throw DaemonError(
          "another process has locked \(settings.stateDirectory.path): is a daemon already running?")
      }
      self.lock = lock
      poller = try Poller()
      signals = try SignalReader()
      timer = try AlarmClock()
      files = try FileEvents()
      rulesetEvents = try RulesetEvents(table: Ruleset.tableName)
      linkEvents = try LinkEvents()
      control = try ListeningSocket(path: settings.socket, mode: 0o660)
      checks = try PolicyChecks()
      let (state, found) = Self.storedState(settings.stateDirectory, journal)
      driver = ControllerDriver(
        Controller(state, inForce: found, past: settings.stateDirectory.past), store: try KernelRuleset(),
        directory: settings.stateDirectory,
        ownership: settings.ownership, lastResort: Lowering.table(PolicyCompiler.lastResort),
        environment: environment)
      try poller.add(signals.descriptor, .reading, token: Token.signals)
      try poller.add(timer.descriptor, .reading, token: Token.timer)
      try poller.add(files.descriptor, .reading, token: Token.files)
      try poller.add(rulesetEvents.descriptor, .reading, token: Token.ruleset)
      try poller.add(linkEvents.descriptor, .reading, token: Token.links)
      try poller.add(control.descriptor, .reading, token: Token.control)
      try poller.add(checks.done.descriptor, .reading, token: Token.checks)
    } catch let error as DaemonError {
      throw error
    } catch let error as SystemError {
      throw DaemonError(error)
    } catch let error as StateError {
      throw DaemonError(error)
    } catch {
      throw DaemonError("\(error)")
    }
  }

  // MARK: The loop

  /// Runs until a signal ends it. The rules stay.
  package func run() throws(DaemonError) {
    let now = environment.now()
    files.watch(ownFiles)
    noteFiles()
    // The driver can ask for this in the middle of its work; the loop then reads the file after that.
    environment.readLater = { [unowned self] in settle = Clock.sinceBoot }
    driver.perform(driver.controller.begin(at: now, isTableThere: (try? driver.store.read())?.table != nil))
    driver.completeStoring()
    openDropLog()
    schedule.ready = now.sinceBoot + Self.readyLimit
    schedule.fullRead = now.sinceBoot + settings.fullReadInterval
    if settings.metricsFile != nil { schedule.metrics = now.sinceBoot }
    if let watchdog = ServiceManager.watchdog { schedule.watchdog = now.sinceBoot + watchdog / 2 }
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
        driver.verify(author: nil)
      }
      if let settle, settle <= Clock.sinceBoot { readPolicy() }
      if let ready = schedule.ready, ready <= Clock.sinceBoot { becomeReady() }
    }
    ServiceManager.notify("STOPPING=1")
    finishDrops()
    journal.say(.info, "ending; the rules stay loaded")
  }

  /// How long the service manager, and with it the network, waits for the policy file to be read and checked, in nanoseconds.
  /// After that the network comes up with what was in force before: the file of a large site takes longer.
  private static let readyLimit: Int64 = 10_000_000_000

  /// The policy file was read, or takes too long: who asked for the status is answered now.
  func becomeReady() {
    guard schedule.ready != nil else { return }
    schedule.ready = nil
    answerWaiting()
    ServiceManager.notify("READY=1\nSTATUS=\(statusLine)")
    journal.say(.info, "keeping the ruleset equal to \(settings.policy)")
  }

  private var nextMoment: Int64? {
    let clients = (Array(clients.all.values.compactMap(\.deadline)) + scrapes.values.map(\.deadline)).min()
    let storing = driver.notPersisted == nil ? nil : schedule.storing
    return [
      storing, driver.controller.alarm, schedule.fullRead, schedule.endpoints, schedule.metrics,
      schedule.watchdog, schedule.accept, schedule.ready, settle, books.deadline,
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
          ServiceManager.notify("RELOADING=1\nMONOTONIC_USEC=\(Clock.sinceBoot / 1000)")
          journal.say(.info, "SIGHUP: reading everything again")
          isReloading = true
          readPolicy()
          driver.verify(author: nil)
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
    case Token.checks: policyWasChecked()
    default:
      if let client = clients.all[ready.token] {
        serve(client, ready)
      } else if let scrape = scrapes[ready.token] {
        serve(scrape, ready.token)
      }
    }
  }

  // MARK: The kernel

  func rulesetChanged() {
    let news: RulesetEvents.News
    do throws(SystemError) {
      news = try rulesetEvents.read()
    } catch {
      journal.say(.warning, "\(error)")
      return
    }
    if news.isLossy {
      driver.verify(author: nil)
      return
    }
    var culprit: RulesetEvents.Author?
    var isTouched = false
    for change in news.changes {
      // The last reading includes all changes up to its generation.
      guard let known = driver.observed?.generation, Int32(bitPattern: change.generation &- known) > 0 else {
        continue
      }
      if change.touchesTable {
        isTouched = true
        culprit = change.author ?? culprit
      } else if !isTouched {
        driver.passed(generation: change.generation)
      }
    }
    if isTouched || (driver.observed == nil && !news.changes.isEmpty) {
      driver.verify(author: culprit?.description)
    }
  }

  // MARK: Time

  /// How often storing what is in force is tried again, in nanoseconds.
  static let storingInterval: Int64 = 10_000_000_000

  private func tick() {
    let now = environment.now()
    if driver.controller.alarm.map({ $0 <= now.sinceBoot }) == true {
      driver.perform(driver.controller.ring(at: now))
    }
    if schedule.endpoints.map({ $0 <= now.sinceBoot }) == true { refreshLive() }
    if schedule.metrics.map({ $0 <= now.sinceBoot }) == true { writeMetricsFile() }
    if let watchdog = ServiceManager.watchdog, let moment = schedule.watchdog, moment <= now.sinceBoot {
      schedule.watchdog = now.sinceBoot + watchdog / 2
      ServiceManager.notify("WATCHDOG=1")
    }
    if schedule.fullRead <= now.sinceBoot { lookAtEverything(now) }
    if books.deadline.map({ $0 <= now.sinceBoot }) == true { tickDrops() }
    if driver.notPersisted != nil, schedule.storing <= now.sinceBoot {
      schedule.storing = now.sinceBoot + Self.storingInterval
      driver.storeAgain()
    }
    if schedule.accept.map({ $0 <= now.sinceBoot }) == true { acceptAgain() }
    for (token, client) in clients.all where client.deadline.map({ $0 <= now.sinceBoot }) == true {
      drop(client, token)
    }
    for (token, scrape) in scrapes where scrape.deadline <= now.sinceBoot { end(scrape, token) }
  }

  /// The full read: finds changes that no event reported.
  private func lookAtEverything(_ now: Moment) {
    schedule.fullRead = now.sinceBoot + settings.fullReadInterval
    if !driver.isUnchanged() { driver.verify(author: nil) }
    if isAnyFileChanged { readPolicy() }
    if let known = policyInForce?.candidate, known.today < Today.date {
      let today = known.again(today: Today.date, live: known.live)
      driver.perform(driver.controller.recompiled(today, because: "a new day"))
    }
  }
}
