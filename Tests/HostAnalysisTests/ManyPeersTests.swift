// SPDX-License-Identifier: GPL-3.0-or-later
// swift-format-ignore-file: NeverForceUnwrap

import AnalysisTestSupport
import Glibc
import NetworkModel
import PolicyLanguage
import Ruleset
import PacketWalk
import Testing

@testable import PolicyAnalysis
@testable import HostAnalysis

/// Measures CPU time on a hub with thousands of peers, each a machine of its policy. Four times the peers must take
/// at most nine times the CPU time: a quadratic algorithm takes sixteen times.
@Suite("Thousands of peers", .serialized)
struct ManyPeersTests {
  private static let wg0 = InterfaceName("wg0")!
  private static let (few, factor, most) = (1000, 4, 9.0)

  private static func address(_ number: Int) -> IPAddress {
    IPAddress(family: .ipv4, bits: UInt128(0x0a00_0001 + number))
  }

  private static func key(_ number: Int) -> WireGuardKey {
    WireGuardKey(bytes: (0..<32).map { UInt8(truncatingIfNeeded: number >> (8 * ($0 % 4))) })!
  }

  /// Which properties of the peers match the policy.
  enum Likeness: CaseIterable {
    case keys
    case addresses
    /// No peer is a machine of the policy.
    case nothing
  }

  private static func policy(_ count: Int, _ likeness: Likeness) throws -> Policy {
    var text = """
      version: 1
      tunnels: { wg0: { prefixes: [10.0.0.0/8], listen: 51820, hub: hub } }
      machines:
        hub: { addresses: { wg0: [10.255.0.1] }, endpoint: [198.51.100.7] }

      """
    for number in 0..<count {
      let key = likeness == .keys ? ", key: \"\(key(number))\"" : ""
      text += "  m\(number): { addresses: { wg0: [\(address(number))] }\(key) }\n"
    }
    let names = (0..<count).map { "m\($0)" }.joined(separator: ", ")
    text += "groups: { everyone: [\(names)] }\n"
    text += "allow:\n  - { to: hub, services: [ssh, 8000/tcp], from: everyone }\n"
    text += "encrypt:\n  - { between: [hub, everyone], tunnel: wg0 }\n"
    let decoded = PolicyDecoder.decode(
      bytes: Array(text.utf8), path: "policy.yaml", today: CalendarDate(secondsSince1970: 0)
    ) { _ in .unreadable(reason: "") }
    return try #require(decoded.policy, "\(decoded.diagnostics.prefix(3).map(\.message))")
  }

  private static func interfaces() -> [NetworkInterface] {
    [
      NetworkInterface(
        name: .loopback, index: 1, addresses: [InterfaceAddress(IPAddress("127.0.0.1")!, prefixLength: 8)!],
        state: .up, isLoopback: true, mtu: 65536),
      NetworkInterface(
        name: InterfaceName("eth0")!, index: 2,
        addresses: [InterfaceAddress(IPAddress("198.51.100.7")!, prefixLength: 24)!], state: .up, mtu: 1500),
      NetworkInterface(
        name: wg0, index: 3, addresses: [InterfaceAddress(IPAddress("10.255.0.1")!, prefixLength: 8)!],
        state: .up, kind: "wireguard", mtu: 1420),
    ]
  }

  private static func device(_ count: Int, _ likeness: Likeness) -> WireGuardDevice {
    WireGuardDevice(
      name: wg0, publicKey: nil, listenPort: 51820,
      peers: (0..<count).map { number in
        let shift = likeness == .nothing ? 1 << 20 : 0
        return WireGuardPeer(
          publicKey: key(number + shift),
          endpoint: WireGuardEndpoint(
            address: IPAddress(family: .ipv4, bits: UInt128(0xcb00_7100 + number)), port: 51820),
          allowedIPs: [Prefix(address(number + shift))], latestHandshake: 1, sentBytes: 5)
      })
  }

  private static func subject(_ count: Int, _ policy: Policy?, _ likeness: Likeness) -> DoctorSubject {
    let role = policy.map { DoctorSubject.Role(policy: $0, machine: $0.machine(named: "hub")!) }
    var facts = HostFacts(
      host: HostSnapshot(
        interfaces: interfaces(),
        listeners: [Listener(protocol: .udp, address: IPAddress("0.0.0.0")!, port: 51820)]),
      time: 1_800_000_000, wireGuard: WireGuardFacts(devices: [device(count, likeness)]))
    // Half of the tunnel's destinations are routed to another interface.
    for ask in DoctorSubject(facts, as: role).routeQuestions {
      let isInside = ask.destination.bits >> 24 == 10 && ask.destination.bits % 2 == 0
      facts.routes[ask] = .leaves(isInside ? wg0 : InterfaceName("eth0")!, mtu: nil)
    }
    return DoctorSubject(facts, as: role)
  }

  /// The CPU time of this thread, in seconds.
  private static func seconds(_ body: () throws -> Void) rethrows -> Double {
    func now() -> Double {
      var time = timespec()
      clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
      return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
    let start = now()
    try body()
    return now() - start
  }

  private func compare(_ what: String, _ few: Double, _ many: Double) {
    // Times below 0.05 s are too short to compare.
    #expect(many < 0.05 || many / few < Self.most, "\(what): \(few) s, then \(many) s")
  }

  @Test("the doctor's time grows no faster than the peers, with a policy", arguments: Likeness.allCases)
  func doctor(likeness: Likeness) throws {
    let times = try [Self.few, Self.few * Self.factor].map { count in
      let policy = try Self.policy(count, likeness)
      let site = CompiledSite(policy, today: CalendarDate(secondsSince1970: 0))
      return try Self.seconds {
        let subject = Self.subject(count, policy, likeness)
        let walks = DoctorWalks(subject, of: site, through: PacketWalk([]), in: Nowhere())
        let diagnosis = Diagnosis(subject, walks: walks)
        try #require(diagnosis.findings.count < 5 * count)
      }
    }
    compare("doctor", times[0], times[1])
  }

  @Test("the doctor's time grows no faster than the peers, without a policy")
  func doctorWithoutPolicy() throws {
    let times = [Self.few, Self.few * Self.factor].map { count in
      Self.seconds {
        let subject = Self.subject(count, nil, .nothing)
        let walks = DoctorWalks(subject, of: nil, through: PacketWalk([]), in: Nowhere())
        _ = Diagnosis(subject, walks: walks)
      }
    }
    compare("doctor", times[0], times[1])
  }

  @Test("the audit's time grows no faster than the peers")
  func audit() throws {
    let host = HostSnapshot(
      interfaces: Self.interfaces(),
      listeners: (0..<4).map { Listener(protocol: .tcp, address: IPAddress("0.0.0.0")!, port: 8000 + $0) })
    let times = try [Self.few, Self.few * Self.factor].map { count in
      let policy = try Self.policy(count, .keys)
      let site = CompiledSite(policy, today: CalendarDate(secondsSince1970: 0))
      let view = site.view(of: policy.machine(named: "hub")!)
      let audited = AuditedHost(
        survey: HostSurvey(host: NamespaceSnapshot(identity: 1, kind: .host, snapshot: host), others: []),
        tables: [site.table(of: policy.machine(named: "hub")!)], order: nil, environment: Nowhere(),
        otherTables: [:], tunnels: [Self.wg0], tunnelPorts: [51820])
      return Self.seconds { _ = Audit(of: audited, by: view) }
    }
    compare("audit", times[0], times[1])
  }

  @Test(
    "the time to write and decode a first policy grows no faster than the peers, also with equal names"
  )
  func firstPolicy() throws {
    let times = try [Self.few, Self.few * Self.factor].map { count in
      let device = Self.device(count, .keys)
      let basis = FirstPolicy.Basis(
        name: "hub", today: "2026-11-24", audit: Audit(exposures: []), interfaces: Self.interfaces(),
        devices: [device],
        peerNames: Dictionary(uniqueKeysWithValues: device.peers.map { ($0.publicKey, "laptop") }),
        forwarding: .on)
      return try Self.seconds {
        let text = FirstPolicy(basis).text
        let decoded = PolicyDecoder.decode(
          bytes: Array(text.utf8), path: "first.yaml", today: CalendarDate(secondsSince1970: 0)
        ) { _ in .unreadable(reason: "") }
        let policy = try #require(decoded.policy)
        #expect(policy.machines.count == count + 1)
      }
    }
    compare("init", times[0], times[1])
  }
}

/// An environment in which every address is local.
private struct Nowhere: HostEnvironment {
  func addressType(_ address: IPAddress, on interface: InterfaceName?) -> AddressType? { .local }
  func route(_ question: RouteQuestion) -> RouteAnswer { .local }
  func facts(of interface: InterfaceName) -> InterfaceFacts? { InterfaceFacts(index: 1) }
  func translationAddress(on interface: InterfaceName, _ family: AddressFamily) -> IPAddress? { nil }
}
