// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel
import Ruleset

@testable import Enforcement
@testable import LinuxHost
@testable import PolicyLanguage

/// Everything of the program that reads bytes which somebody else wrote.
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

  /// Reads these bytes, as the program would. Any result is right that is no crash, no hang and no flood of memory, but
  /// for the properties that are checked.
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
      DiagnosticText().render(decoded.diagnostics).description.utf8.count < 4 << 20, "a flood of words")
  }

  private static func list(_ bytes: [UInt8]) {
    var log = DiagnosticLog(policy: SourceText(path: "policy.yaml", bytes: []))
    let source = SourceText(path: "list", bytes: bytes)
    let prefixes = ListFileReader.read(source, log: &log).prefixes
    // What is written again and read again is the same.
    let text = prefixes.map { "\($0)\n" }.joined()
    let again = ListFileReader.read(SourceText(path: "list", bytes: Array(text.utf8)), log: &log)
    precondition(again.prefixes == prefixes, "another list after a second reading")
  }

  /// A stored file is read only where its digest is right: here the digest is made for the bytes.
  private static func state(_ bytes: [UInt8]) {
    _ = PersistedState(bytes)
    _ = StoredRuleset(bytes)?.table
    if let kept = PersistedState(DigestedFile.wrap("wgfence state 1", bytes)) {
      precondition(PersistedState(kept.bytes) == kept, "another state after it was written and read")
    }
    if let stored = StoredRuleset(DigestedFile.wrap("wgfence ruleset 1", bytes)) {
      _ = stored.table
      _ = StoredRuleset(stored.bytes)?.provenance
    }
  }

  // MARK: What is sent to the daemon

  private static func control(_ bytes: [UInt8]) {
    var rest = bytes[...]
    while case .frame(let frame, let length) = ControlFrame.parse(rest, limit: ControlFrame.requestLimit) {
      rest = rest.dropFirst(length)
      if let request = try? ControlRequest(payload: frame.payload) {
        precondition(
          (try? ControlRequest(payload: request.frame.payload)) == request,
          "another request after it was sent")
      }
      if let result = try? FirewallResult(payload: frame.payload) {
        precondition(
          (try? FirewallResult(payload: result.frame.payload)) == result, "another result after it was sent")
      }
    }
  }

  private static func metrics(_ bytes: [UInt8]) {
    if let answer = MetricsResponder.answer(bytes, metrics: { "wgfence_up 1\n" }) {
      precondition(answer.starts(with: Array("HTTP/1.1 ".utf8)), "no HTTP")
    } else {
      precondition(bytes.count <= MetricsResponder.mostBytes, "a head without end")
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
