// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel
import Ruleset

@testable import Enforcement
@testable import LinuxHost
@testable import PolicyLanguage

/// Every part of the program that reads bytes from outside.
enum FuzzTarget: String, CaseIterable {
  case yaml
  case policy
  case list
  case nftables
  case expressions
  case conntrack
  case links
  case sockets
  case wireguardKernel = "wireguard-kernel"
  case wireguardSocket = "wireguard-socket"
  case packetLog = "packet-log"
  case state
  case control
  case docker
  case metrics
  case legacy
  case statement
  case trust
  case ratchet
  case signature
  case bundle

  /// Reads these bytes as the program does. Every result is correct except a crash, a hang, excessive memory, or a
  /// violation of a property that is checked here.
  func run(_ bytes: [UInt8]) {
    switch self {
    case .yaml: Self.yaml(bytes)
    case .policy: Self.policy(bytes)
    case .list: Self.list(bytes)
    case .nftables: Self.nftables(bytes)
    case .expressions: Self.expressions(bytes)
    case .conntrack: _ = Conntrack.flow(bytes[...])
    case .links: Self.links(bytes[...])
    case .sockets: Self.sockets(bytes[...])
    case .wireguardKernel: Self.wireguardKernel(bytes)
    case .wireguardSocket: _ = try? WireGuardSocket.parse(bytes[...], name: .loopback)
    case .packetLog: Self.packetLog(bytes)
    case .state: Self.state(bytes)
    case .control: Self.control(bytes)
    case .docker: Self.docker(bytes)
    case .metrics: Self.metrics(bytes)
    case .legacy: Self.legacy(bytes)
    case .statement: Self.statement(bytes)
    case .trust: Self.trust(bytes)
    case .ratchet: Self.ratchet(bytes)
    case .signature: Self.signature(bytes)
    case .bundle: Self.bundle(bytes)
    }
  }

  // MARK: Files

  private static func yaml(_ bytes: [UInt8]) {
    let source = SourceText(path: "policy.yaml", bytes: bytes)
    var log = DiagnosticLog(policy: source)
    let node = YamlReader.read(source, log: &log)
    precondition(node != nil || log.errorCount > 0, "no document, and no reason")
  }

  private static let day = CalendarDate(secondsSince1970: 1_764_000_000)

  private static func policy(_ bytes: [UInt8]) {
    let decoded = PolicyDecoder.decode(bytes: bytes, path: "policy.yaml", today: day) { _ in
      .bytes(Array("192.0.2.0/24\n2001:db8::/32\n".utf8))
    }
    precondition(decoded.policy != nil || !decoded.diagnostics.isEmpty, "no policy, and no reason")
    precondition(
      DiagnosticText().render(decoded.diagnostics).description.utf8.count < 4 << 20, "too much text")
  }

  private static func list(_ bytes: [UInt8]) {
    var log = DiagnosticLog(policy: SourceText(path: "policy.yaml", bytes: []))
    let source = SourceText(path: "list", bytes: bytes)
    let prefixes = ListFileReader.read(source, log: &log).prefixes
    // Writing and reading the prefixes again gives the same prefixes.
    let text = prefixes.map { "\($0)\n" }.joined()
    let again = ListFileReader.read(SourceText(path: "list", bytes: Array(text.utf8)), log: &log)
    precondition(again.prefixes == prefixes, "the second reading gave another list")
  }

  /// A stored file is read only if its digest is correct, so the digest is computed for the bytes here.
  private static func state(_ bytes: [UInt8]) {
    _ = PersistedState(bytes)
    _ = StoredRuleset(bytes)?.table
    if let state = PersistedState(DigestedFile.wrap("wgfence state 1", bytes)) {
      precondition(PersistedState(state.bytes) == state, "the state changed when it was written and read")
    }
    if let stored = StoredRuleset(DigestedFile.wrap("wgfence ruleset 1", bytes)) {
      _ = stored.table
      _ = StoredRuleset(stored.bytes)?.provenance
    }
  }

  // MARK: Requests to the daemon

  private static func control(_ bytes: [UInt8]) {
    var rest = bytes[...]
    while case .frame(let frame, let length) = ControlFrame.parse(rest, limit: ControlFrame.requestLimit) {
      rest = rest.dropFirst(length)
      if let request = try? ControlRequest(payload: frame.payload) {
        precondition(
          (try? ControlRequest(payload: request.frame.payload)) == request,
          "the request changed when it was encoded and decoded")
      }
      if let result = try? FirewallResult(payload: frame.payload) {
        precondition(
          (try? FirewallResult(payload: result.frame.payload)) == result,
          "the result changed when it was encoded and decoded")
      }
    }
  }

  private static func metrics(_ bytes: [UInt8]) {
    if let answer = MetricsResponder.answer(bytes, metrics: { "wgfence_up 1\n" }) {
      precondition(answer.starts(with: Array("HTTP/1.1 ".utf8)), "not HTTP")
    } else {
      precondition(bytes.count <= MetricsResponder.mostBytes, "no limit of the request header")
    }
  }

  // MARK: Other programs' answers

  private static func docker(_ bytes: [UInt8]) {
    if let answer = try? DockerSocket.Answer(bytes, "docker.sock") {
      _ = DockerContainers.decode(answer.body)
    }
    _ = DockerContainers.decode(bytes)
    // The first line is one answer, the rest the other.
    let end = bytes.firstIndex(of: UInt8(ascii: "\n")) ?? bytes.count
    _ = DockerReader.facts(info: Array(bytes[..<end]), networks: Array(bytes[end...]))
  }
}
