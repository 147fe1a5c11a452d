// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel
public import Ruleset

/// The values that a monitoring system reads, at one time. `text` writes them.
public struct Metrics: Sendable {
  /// The counters of wgfence's own table by name, as the kernel has them.
  public var counters: [String: CounterState] = [:]
  /// The purpose and origin of each counter, from the compiled ruleset.
  public var named: [NamedCounter] = []
  /// How many times the kernel's ruleset differed and was repaired.
  public var repairs: UInt64 = 0
  /// The number of policies that were applied.
  public var applies: UInt64 = 0
  /// The number of attempts to apply that failed.
  public var failures: UInt64 = 0
  /// When the kernel was last verified to be equal to the policy, in seconds since 1970; nil if it never was.
  public var lastSuccess: UInt64?
  /// Whether the current policy file was accepted.
  public var policy = PolicyState.accepted
  /// Whether the ruleset in force drops anything.
  public var mode = EnforcementMode.enforcing
  /// The peers of the tunnels.
  public var peers: [Peer] = []
  /// The number of rules in force.
  public var rules: UInt64 = 0
  /// The number of listening sockets.
  public var listeners: UInt64 = 0
  /// The number of log lines that were lost because they came too fast.
  public var lostLogLines: UInt64 = 0

  /// Creates metrics without values.
  public init() {}

  /// Whether the policy file is the one in force.
  public enum PolicyState: Sendable, Hashable {
    case accepted
    /// The last good one stays in force.
    case refused
    /// It is valid, and waits for a user's consent.
    case held
  }

  /// A peer of a tunnel.
  public struct Peer: Sendable, Hashable {
    /// Its name in the policy.
    public var machine: String
    /// The tunnel's interface.
    public var tunnel: InterfaceName
    /// Seconds since its last handshake; nil if there was none.
    public var handshakeAge: UInt64?

    /// Creates a peer from its parts.
    public init(machine: String, tunnel: InterfaceName, handshakeAge: UInt64?) {
      self.machine = machine
      self.tunnel = tunnel
      self.handshakeAge = handshakeAge
    }
  }
}

extension Metrics {
  /// The metrics in Prometheus' text exposition format 0.0.4, in a fixed order.
  public var text: String {
    var text = ""
    func family(
      _ name: String, _ type: String, _ help: String, _ samples: [([(String, String)], UInt64)]
    ) {
      text += "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n"
      for (labels, value) in samples {
        let pairs = labels.map { "\($0.0)=\"\(Self.escaped($0.1))\"" }.joined(separator: ",")
        text += name + (pairs.isEmpty ? "" : "{\(pairs)}") + " \(value)\n"
      }
    }
    let origins = Dictionary(named.map { ($0.name, $0.origin) }, uniquingKeysWith: { first, _ in first })
    let known = counters.sorted { $0.key < $1.key }
    func samples(_ which: [(key: String, value: CounterState)], _ value: (CounterState) -> UInt64)
      -> [([(String, String)], UInt64)]
    {
      which.map { name, state in
        let origin = origins[name]
        return (
          [("counter", name), ("line", origin?.place ?? ""), ("reason", origin?.reason ?? "")], value(state)
        )
      }
    }
    let purposes = Dictionary(named.map { ($0.name, $0.purpose) }, uniquingKeysWith: { first, _ in first })
    func purpose(_ name: String) -> NamedCounter.Purpose {
      // What is in force may be a stored ruleset, of whose counters the names alone are known.
      purposes[name] ?? NamedCounter.Purpose(counterNamed: name)
    }
    let drops = known.filter { purpose($0.key) != .grant }
    let grants = known.filter { purpose($0.key) == .grant }
    family(
      "wgfence_dropped_packets_total", "counter", "Packets dropped or rejected, by reason.",
      samples(drops) { $0.packets })
    family(
      "wgfence_dropped_bytes_total", "counter", "Bytes dropped or rejected, by reason.",
      samples(drops) { $0.bytes })
    family(
      "wgfence_granted_packets_total", "counter", "Packets accepted, by grant.",
      samples(grants) { $0.packets })
    family(
      "wgfence_granted_bytes_total", "counter", "Bytes accepted, by grant.", samples(grants) { $0.bytes })
    family(
      "wgfence_drift_repairs_total", "counter",
      "How many times the ruleset in the kernel differed and was repaired.", [([], repairs)])
    family("wgfence_applies_total", "counter", "Policies applied.", [([], applies)])
    family("wgfence_apply_failures_total", "counter", "Attempts to apply that failed.", [([], failures)])
    family(
      "wgfence_last_success_timestamp_seconds", "gauge",
      "Unix time at which the ruleset in the kernel was last verified to be equal to the policy.",
      lastSuccess.map { [([], $0)] } ?? [])
    family(
      "wgfence_policy_accepted", "gauge", "1 if the current policy file was accepted, else 0.",
      [([], policy == .accepted ? 1 : 0)])
    family(
      "wgfence_observing", "gauge", "1 if the ruleset in force drops nothing (observe mode), else 0.",
      [([], mode == .observing ? 1 : 0)])
    family(
      "wgfence_peer_handshake_age_seconds", "gauge", "Seconds since a peer's last handshake.",
      peers.compactMap { peer in
        peer.handshakeAge.map { ([("machine", peer.machine), ("tunnel", peer.tunnel.description)], $0) }
      })
    family("wgfence_rules", "gauge", "Rules in force.", [([], rules)])
    family("wgfence_listeners", "gauge", "Listening sockets.", [([], listeners)])
    family("wgfence_log_lines_lost_total", "counter", "Log lines lost.", [([], lostLogLines)])
    return text
  }

  /// A label's value in the exposition format: backslash, quote and line feed escaped. Other unsafe
  /// characters are replaced by visible text, as in every other report.
  private static func escaped(_ value: String) -> String {
    var text = ""
    let shown = value.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false)
      .map { PrintableText.of(String($0)) }.joined(separator: "\n")
    for scalar in shown.unicodeScalars {
      switch scalar {
      case "\\": text += "\\\\"
      case "\"": text += "\\\""
      case "\n": text += "\\n"
      default: text.unicodeScalars.append(scalar)
      }
    }
    return text
  }
}
