// SPDX-License-Identifier: GPL-3.0-or-later

internal import Enforcement
internal import Netlink
internal import LinuxHost
public import NetworkModel
internal import PolicyAnalysis
internal import PolicyLanguage
internal import PacketWalk

/// Where metrics are served: `unix:PATH`, `ADDRESS:PORT` or `[ADDRESS]:PORT`.
public enum MetricsPlace: Sendable {
  case path(String)
  case address(IPAddress, port: UInt16)

  /// A place from its text; nil if the text is not valid.
  public init?(_ argument: String) {
    if argument.hasPrefix("unix:/") {
      self = .path(String(argument.dropFirst(5)))
    } else if let endpoint = WireGuardEndpoint(argument), endpoint.port != 0 {
      self = .address(endpoint.address, port: endpoint.port)
    } else {
      return nil
    }
  }

  /// Opens the listening socket. A Unix socket can be read by its owner and group.
  func listen() throws(SystemError) -> ListeningSocket {
    switch self {
    case .path(let path): try ListeningSocket(path: path, mode: 0o660)
    case .address(let address, let port): try ListeningSocket(address: address, port: port)
    }
  }

  /// Whether a policy permits a place. It is the same for every connection until the policy changes.
  struct Judgement {
    let digest: String
    let machine: String
    let today: CalendarDate
    let live: LiveFacts
    let refusal: String?

    func holds(for candidate: Candidate) -> Bool {
      digest == candidate.digest && machine == candidate.machine && today == candidate.today
        && live == candidate.live
    }
  }

  /// Why metrics are not served there; nil if they are. The policy in force must grant the address and port, and
  /// not to the internet. Loopback addresses and Unix sockets need no grant.
  func refusal(by candidate: Candidate?) -> String? {
    guard case .address(let address, let port) = self, !address.isLoopback else { return nil }
    let place = "metrics are not served at \(address), port \(port)"
    guard let candidate, let machine = candidate.policy.machine(named: candidate.machine) else {
      return "\(place): no policy is in force"
    }
    let isGranted = (candidate.policy.grants + candidate.policy.failsafe).flatMap(\.services).flatMap(\.ports)
      .contains {
        if case .ports(.tcp, let range) = $0 { range.contains(port) } else { false }
      }
    guard isGranted else { return "\(place): the policy does not grant \(port)/tcp" }
    let view = SiteView(
      policy: candidate.policy, machine: machine, ruleset: candidate.ruleset, live: candidate.live)
    for zone in view.zones where zone.kind == .internet {
      guard let anyone = IPAddress(address.family == .ipv4 ? "192.0.2.1" : "2001:db8::1") else { continue }
      let packet = Packet(
        source: anyone, destination: address, transport: .tcp, destinationPort: port,
        input: view.interface(of: zone))
      guard view.arrival(packet).verdict == .accept else { continue }
      return "\(place): the policy grants the port to internet"
    }
    return nil
  }
}
