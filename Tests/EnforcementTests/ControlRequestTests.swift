// SPDX-License-Identifier: GPL-3.0-or-later

import Enforcement
import NetworkModel
import Ruleset
import Testing

@Suite("Requests and results as they go over the socket")
struct ControlRequestTests {
  static let policy = PolicyHandover(
    path: "/etc/wgfence/policy.yaml", machine: "host", lists: ["a", "b \\n"], lengths: [10, 0, 4])

  /// One request of each kind.
  static let all: [FirewallRequest] = {
    var all: [FirewallRequest] = [
      .status(.text), .status(.json), .log(.text), .log(.json), .confirm(.console), .confirm(.session(nil)),
      .confirm(.session("192.0.2.1,4711>192.0.2.2,22")), .history, .rollback(to: nil), .rollback(to: 3),
      .panic(.begin), .panic(.end), .close(service: "ssh", from: "laptop"), .unload,
      .closeNumber(2), .temporaryGrants(.text), .temporaryGrants(.json), .accept(digest: nil),
      .accept(digest: "ab12"),
      .endObservation, .takeRelease(length: 9, nil), .takeRelease(length: 9, TrialTime(seconds: 60)),
    ]
    if let policy {
      all += [
        .apply(policy, .enforcing, nil), .apply(policy, .enforcing, TrialTime(seconds: 60)),
        .apply(policy, .observing, nil),
      ]
    }
    if let order = try? TemporaryGrantOrder(
      service: "ssh", from: "laptop", lasting: "90s", because: "a\nb\\c=d\r\u{1b}")
    {
      all.append(.open(order))
    }
    if let order = try? TemporaryGrantOrder(
      service: "ssh", from: "laptop", to: "onprem", lasting: "90s", because: "work")
    {
      all.append(.open(order))
    }
    return all
  }()

  static func payload(_ text: String) -> [UInt8] {
    Array("version=\(ControlRequest.version)\n\(text)".utf8)
  }

  @Test("what is read is what was sent", arguments: all)
  func roundTrip(request: FirewallRequest) throws {
    #expect(Self.all.count == 27)
    for deadline in [nil, 5] as [Int64?] {
      let sent = ControlRequest(request, deadline: deadline)
      #expect(try ControlRequest(payload: sent.frame.payload) == sent)
    }
  }

  @Test("a request whose deadline has passed must not change anything")
  func deadline() {
    for request in Self.all {
      #expect(ControlRequest(request).expiry(at: 1) == nil)
      #expect(ControlRequest(request, deadline: 5).expiry(at: 5) == nil)
      let late = ControlRequest(request, deadline: 5).expiry(at: 6)
      switch request {
      case .status, .log, .history, .temporaryGrants: #expect(late == nil)
      default: #expect(late?.description.contains("nothing was changed") == true)
      }
    }
  }

  @Test(
    "what is not just a request is refused",
    arguments: [
      "", "verb=", "verb=later", "verb=status\nverb=status", "verb=status\nformat=xml",
      "verb=status\nnamespace=1", "verb=panic\nend=no", "verb=panic\ndeadline=soon", "verb=rollback\nto=x",
      "verb=rollback\nto=99999999999999999999", "verb=unload\nno sign", "verb=apply\nlengths=1",
      "verb=apply\npath=/p\nlengths=1 2", "verb=apply\npath=/p\nlengths=-1",
      "verb=apply\npath=/p\nlengths=1\nconfirm=1", "verb=apply\npath=/p\nlengths=1\nconfirm=90000",
      "verb=apply\npath=/p\nlists=a\nlengths=1", "verb=open\nservice=ssh\nfrom=a\nfor=1h",
      "verb=open\nservice=ssh\nfrom=a\nfor=8d\nbecause=x", "verb=close\nservice=ssh",
      "verb=history\nlist=yes", "verb=fleet accept\nlength=-1", "verb=fleet accept\nlength=1\nconfirm=1",
    ])
  func malformed(text: String) {
    let error = #expect(throws: Refusal.self) { try ControlRequest(payload: Self.payload(text)) }
    #expect(error?.description.contains("nothing was changed") == true)
  }

  @Test("a request of another version is refused with what to do")
  func version() {
    for text in ["version=2\nverb=status\n", "verb=status\n", "version=3x\nverb=status\n"] {
      let error = #expect(throws: Refusal.self) { try ControlRequest(payload: Array(text.utf8)) }
      #expect(error?.description.contains("restart it") == true)
    }
    #expect(throws: Refusal.self) {
      try ControlRequest(payload: Self.payload("verb=status\n") + [0xff])
    }
  }

  @Test("a result is read as it was sent")
  func results() throws {
    let failure = FirewallResult.NotPersisted(
      reason: "No space left on device", consequence: "it could not be stored: full. Make room")
    for result in [
      FirewallResult(text: ""),
      FirewallResult(text: "Rolled back\nto 3\n", warnings: ["one", "two"], operations: 7, generation: 9),
      FirewallResult(text: "Done.\n", operations: 1, notPersisted: failure),
    ] {
      let read = try FirewallResult(payload: result.frame.payload)
      #expect(read == result)
      #expect(read.exitStatus == (result.notPersisted == nil ? 0 : 1))
    }
    for text in ["", "operations=-1", "operations=1\nx=y", "operations=1\nunstored=full"] {
      #expect(throws: ControlFormatError.self) { try FirewallResult(payload: Array(text.utf8)) }
    }
  }

  @Test("a request that is cut, too long or of no known kind is no frame")
  func frames() {
    let frame = ControlRequest(.status(.text)).frame
    let bytes = frame.bytes
    for length in 0..<bytes.count {
      #expect(ControlFrame.parse(bytes[..<length], limit: 1 << 10) == .incomplete)
    }
    #expect(ControlFrame.parse((bytes + [1])[...], limit: 1 << 10) == .frame(frame, length: bytes.count))
    #expect(ControlFrame.parse(bytes[...], limit: 3) == .malformed)
    #expect(ControlFrame.parse([255, 255, 255, 255, 0x51], limit: 1 << 20) == .malformed)
    #expect(ControlFrame.parse([0, 0, 0, 0, 0x7a], limit: 1 << 20) == .malformed)
  }
}
