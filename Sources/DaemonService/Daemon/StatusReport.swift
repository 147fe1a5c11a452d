// SPDX-License-Identifier: GPL-3.0-or-later

internal import Enforcement
internal import Glibc
internal import HostAnalysis
internal import LinuxHost
internal import NetworkModel
internal import Reports
internal import PolicyAnalysis
internal import TemporaryGrants
internal import PolicyLanguage
internal import Ruleset

/// The state of the firewall at one moment.
struct StatusReport {
  private let daemon: Daemon
  private let now: Int64
  private let table: KernelTable?
  private let drift: Int
  private let counters: [String: CounterState]
  private let grants: [TemporaryGrant]
  private let devices: [WireGuardDevice]
  private let isOwner: Bool
  private let fleet: FleetStatus?

  /// Reads the kernel's state.
  init(_ daemon: Daemon) {
    self.daemon = daemon
    now = Int64(time(nil))
    fleet = FleetStatus(daemon, at: now)
    let read = try? daemon.driver.store.read()
    table = read?.table
    drift = daemon.driver.driftCount(of: table)
    counters = (try? daemon.driver.store.counters()) ?? [:]
    if let table, let (policy, machine, _) = daemon.policyInForce {
      grants = TemporaryGrant.inForce(in: table, policy: policy, machine: machine)
    } else {
      grants = []
    }
    devices = (try? WireGuardDevices.read().devices) ?? []
    isOwner = table.map { $0.flags & NFT.tableOwner != 0 } ?? false
  }

  private var controller: Controller { daemon.driver.controller }

  /// Whether nothing needs attention.
  var isFine: Bool {
    guard case .accepted = controller.file, !controller.isObserving else { return false }
    return drift == 0 && table != nil && controller.state.panic == nil && controller.state.pending == nil
      && daemon.driver.notPersisted == nil && !controller.isReleased && !controller.isFileSuperseded
      && !isTunnelMissing && fleet?.isFine ?? true
  }

  /// Whether the interface of a tunnel of this machine does not exist.
  private var isTunnelMissing: Bool {
    guard let (policy, machine, _) = daemon.policyInForce else { return false }
    return policy.tunnels.contains {
      !machine.addresses(in: $0.name).isEmpty && if_nametoindex($0.name.description) == 0
    }
  }

  /// The objection because of which the policy file is held back, with the file's digest.
  private var held: (digest: String, objection: Objection)? {
    if case .held(let candidate, let objection) = controller.file {
      (candidate.digest, objection)
    } else {
      nil
    }
  }

  private var isAccepted: Bool {
    if case .accepted = controller.file { true } else { false }
  }

  private var refusal: PolicyRefusal? {
    if case .refused(let refusal) = controller.file { refusal } else { nil }
  }

  // MARK: Text

  package var text: PrintableText {
    var table = AlignedTable([.left(), .left()])
    if controller.isObserving {
      table.append(["mode", "OBSERVE MODE: nothing is dropped or rejected\(observerWords)"])
    }
    table.append(["daemon", "pid \(getpid()), since \(Timestamp.text(daemon.since))"])
    for row in fleet?.rows ?? [] { table.append(row) }
    table.append(["policy", policyLine])
    if let refusal {
      let consequence =
        controller.inForce != nil
        ? "the last accepted one is in force"
        : self.table == nil ? "NOTHING IS ENFORCED" : "the ruleset that was loaded before stays"
      table.append(["", "NOT ACCEPTED, \(consequence): \(refusal.reason)"])
    }
    if let held {
      table.append(["", "HELD BACK, the one before it is in force: \(held.objection.reason)"])
      for line in held.objection.report.lines { table.append(["", "\(line)"]) }
      table.append(["", "to put it in force anyway: wgfence accept \(held.digest.prefix(12))"])
    }
    if controller.isFileSuperseded {
      table.append([
        "", "the file is superseded by an apply or a rollback until it is edited",
      ])
    }
    table.append(["in force", inForceLine])
    if let pending = controller.state.pending {
      let left = max(0, (pending.deadline - Clock.sinceBoot) / 1_000_000_000)
      table.append(["", "ON TRIAL by \(pending.by): rolls back in \(left) s unless confirmed"])
    }
    if let panic = controller.state.panic {
      table.append(["", "PANIC since \(Timestamp.text(panic.since)), begun by \(panic.by)"])
    }
    table.append(["kernel", kernelLine])
    if let notPersisted = daemon.driver.notPersisted {
      table.append(["disk", "NOT STORED for the next boot: \(notPersisted)"])
    }
    for grant in grants {
      table.append(["open", grant.line])
    }
    for tunnel in tunnels {
      for peer in tunnel.peers {
        let heard =
          peer.handshakeAge.map { "last handshake \(Timestamp.age(Int64($0))) ago" } ?? "no handshake yet"
        table.append(["tunnel", "\(tunnel.name): \(peer.machine), \(heard)"])
      }
      if tunnel.peers.isEmpty { table.append(["tunnel", "\(tunnel.name): \(tunnel.words)"]) }
    }
    let drops = counters.compactMap { name, state in
      state.packets > 0 ? NamedCounter.Purpose(counterNamed: name).cause.map { ($0, state.packets) } : nil
    }
    for (cause, packets) in drops.sorted(by: { $0.1 > $1.1 }).prefix(8) {
      let verb = controller.isObserving ? "would drop" : "dropped"
      table.append([verb, "\(packets == 1 ? "1 packet" : "\(packets) packets"): \(cause.name)"])
    }
    return table.text()
  }

  private var policyLine: String {
    let path = fleet == nil ? daemon.settings.policy : fleet?.policy ?? "no release"
    return controller.file.digest.map { "\(path) (\($0))" } ?? path
  }

  private var inForceLine: String {
    if controller.isReleased { return "NOTHING: the ruleset was removed" }
    guard let from = controller.inForce else {
      return table == nil
        ? "NOTHING IS ENFORCED: no policy was accepted yet"
        : "the ruleset that was loaded before the daemon started; no policy was accepted yet"
    }
    let kind =
      switch from.kind {
      case .policy, .found, .observe: "\(from.path) (\(from.digest)) as \(from.machine)"
      case .lockDown: "lock-down (\(from.path))"
      case .panic: "panic (\(from.path))"
      }
    return "\(kind), by \(from.by), \(Timestamp.text(from.since))"
  }

  /// Why nothing is dropped, and what ends that.
  private var observerWords: String {
    switch controller.inForce?.observer {
    case .policy: ", because 'observe' of the policy names this machine"
    case .user: ", because it was applied with --observe: wgfence enforce ends it"
    case .daemon(let reason?):
      ", because the policy would end what works: \(reason); wgfence accept enforces it"
    case .daemon(nil):
      ", because an earlier policy would have ended what works; this one would end nothing: wgfence accept enforces it"
    case nil: ""
    }
  }

  private var kernelLine: String {
    guard let table else { return "NO TABLE: nothing is enforced" }
    let held = isOwner ? "owned by the daemon" : "not owned: changes by others are repaired"
    let state = drift == 0 ? "equal" : "DRIFTED by \(drift)"
    let rules = table.chains.reduce(0) { $0 + $1.rules.count }
    return "\(state), \(rules) rules, \(held); \(controller.tally.repairs) repairs since the daemon started"
  }

  // MARK: Tunnels

  private struct TunnelStatus {
    let name: InterfaceName
    let words: String
    let peers: [Metrics.Peer]
  }

  private var tunnels: [TunnelStatus] {
    guard let (policy, machine, _) = daemon.policyInForce else { return [] }
    return policy.tunnels.filter { !machine.addresses(in: $0.name).isEmpty }.map { tunnel in
      guard let device = devices.first(where: { $0.name == tunnel.name }) else {
        return TunnelStatus(
          name: tunnel.name, words: "its interface does not exist or WireGuard cannot be read", peers: [])
      }
      return TunnelStatus(
        name: tunnel.name, words: "no peers",
        peers: daemon.peers(of: device, tunnel, policy, machine, at: now))
    }
  }

  // MARK: JSON

  package var json: String {
    JSONWriter.object { object in
      object.put("schema", "wgfence/status/1")
      object.object("daemon") { object in
        object.put("pid", Int(getpid()))
        object.put("since", Timestamp.text(daemon.since))
        object.put("version", Version.text)
      }
      object.object("policy") { object in
        object.put("path", fleet?.policy ?? daemon.settings.policy)
        object.put("digest", controller.file.digest)
        object.put("accepted", isAccepted)
        object.put(
          "error", refusal.map { $0.report.isEmpty ? $0.reason : "\($0.reason)\n\($0.report.description)" })
        object.put("held", held?.objection.reason)
        object.put("held_digest", held?.digest)
        object.put("superseded", controller.isFileSuperseded)
      }
      fleet?.put(in: &object)
      object.object("ruleset") { object in
        object.put("digest", controller.inForce?.digest)
        object.put("kind", controller.inForce?.kind.rawValue)
        object.put("observing", controller.isObserving)
        object.put("path", controller.inForce?.path)
        object.put("by", controller.inForce?.by)
        object.put("since", controller.inForce.map { Timestamp.text($0.since) })
        object.put("loaded", table != nil)
        object.put("generation", Int(daemon.driver.observed?.generation ?? 0))
        object.put("drift", drift)
        object.put("repairs", controller.tally.repairs)
        object.put("applies", controller.tally.applies)
        object.put("failures", controller.tally.failures)
        object.put("owner", isOwner)
        object.put("kept", daemon.driver.notPersisted == nil)
      }
      if let pending = controller.state.pending {
        object.object("pending") { object in
          object.put("by", pending.by)
          object.put("seconds_left", Int(max(0, (pending.deadline - Clock.sinceBoot) / 1_000_000_000)))
        }
      }
      if let panic = controller.state.panic {
        object.object("panic") { object in
          object.put("by", panic.by)
          object.put("since", Timestamp.text(panic.since))
        }
      }
      object.array("openings") { array in
        for grant in grants { array.object { grant.put(in: &$0) } }
      }
      object.array("tunnels") { array in
        for tunnel in tunnels {
          array.object { object in
            object.put("name", tunnel.name.description)
            object.array("peers") { array in
              for peer in tunnel.peers {
                array.object { object in
                  object.put("machine", peer.machine)
                  object.put("handshake_age", peer.handshakeAge.map { Int($0) })
                }
              }
            }
          }
        }
      }
      object.object("counters") { object in
        for (name, state) in counters.sorted(by: { $0.key < $1.key }) {
          object.object(name) { object in
            object.put("packets", Int(clamping: state.packets))
            object.put("bytes", Int(clamping: state.bytes))
          }
        }
      }
    }
  }
}

extension Daemon {
  /// A device's peers, by their names in the policy; unknown peers by the first characters of their keys. Ordered by
  /// name.
  func peers(
    of device: WireGuardDevice, _ tunnel: Tunnel, _ policy: Policy, _ machine: Machine, at now: Int64
  ) -> [Metrics.Peer] {
    let machines = PeerMachines(tunnel, of: machine, in: policy)
    return device.peers.map { peer in
      Metrics.Peer(
        machine: machines.machine(of: peer)?.name ?? "key \(peer.publicKey.description.prefix(8))…",
        tunnel: tunnel.name, handshakeAge: peer.latestHandshake.map { UInt64(max(0, now - $0)) })
    }.sorted { $0.machine < $1.machine }
  }

  /// The metrics of this moment.
  func metrics() -> Metrics {
    var metrics = Metrics()
    let controller = driver.controller
    metrics.counters = (try? driver.store.counters()) ?? [:]
    metrics.named = driver.candidate?.ruleset.counters ?? []
    metrics.repairs = UInt64(controller.tally.repairs)
    metrics.applies = UInt64(controller.tally.applies)
    metrics.failures = UInt64(controller.tally.failures)
    metrics.lastSuccess = controller.tally.lastSuccess.map { UInt64(max(0, $0)) }
    switch controller.file {
    case .refused: metrics.policy = .refused
    case .held: metrics.policy = .held
    case .unread, .accepted: break
    }
    if controller.isObserving { metrics.mode = .observing }
    metrics.rules = UInt64(driver.observed?.table?.chains.reduce(0) { $0 + $1.rules.count } ?? 0)
    metrics.listeners = UInt64((try? SocketDiagnostics.listeners().listeners.count) ?? 0)
    metrics.lostLogLines = drops?.lost ?? 0
    if let (policy, machine, _) = policyInForce, let devices = try? WireGuardDevices.read().devices {
      let now = Int64(time(nil))
      for tunnel in policy.tunnels where !machine.addresses(in: tunnel.name).isEmpty {
        guard let device = devices.first(where: { $0.name == tunnel.name }) else { continue }
        metrics.peers += peers(of: device, tunnel, policy, machine, at: now)
      }
    }
    return metrics
  }
}
