// SPDX-License-Identifier: GPL-3.0-or-later

internal import Enforcement
internal import Glibc
internal import LinuxHost
internal import NetworkModel
internal import Reports
internal import DropAnalysis
internal import Ruleset

/// The clients that are connected to the control socket.
struct ControlClients {
  var all: [UInt64: ControlClient] = [:]

  /// Why one more client of this owner is refused; nil if it is accepted.
  func refusal(of owner: ControlPlaces.Owner) -> String? {
    ControlPlaces.refusal(of: owner, among: all.values.lazy.map(\.owner))
  }
}

/// A connection to the control socket: its received bytes, its bytes to send, and its deadline.
///
/// It costs the daemon at most the bytes of a request and an answer. The daemon never waits for it.
final class ControlClient {
  /// The time within which a request must be complete, and an answer read, in nanoseconds.
  static let patience: Int64 = 10_000_000_000
  /// The most bytes that wait for a follower of the log that does not read. Further lines are not sent.
  static let followerLimit = 256 << 10

  let connection: Connection
  let token: UInt64
  let peer: Peer
  let home: Home
  var inbox: [UInt8] = []
  var input = Input.open
  /// The file that was sent with the request: a policy and its lists.
  var file: HandedFile?
  var outbox: [UInt8] = []
  /// When it is closed, in nanoseconds since boot; nil: no limit.
  var deadline: Int64?
  var mode = Mode.asking
  /// The number of lines that were not sent because it did not read.
  var missed = 0

  enum Mode {
    case asking
    /// The policy of its request is being checked, to be put in force on trial for a time, or permanently (nil).
    case checking(ControlRequest, EnforcementMode, TrialTime?)
    /// The release that it sent is being checked.
    case checkingRelease(ControlRequest)
    /// It asked for the status before the policy file was read for the first time.
    case waiting(FirewallRequest.ReportForm)
    /// It receives every dropped packet.
    case following(FirewallRequest.ReportForm)
    /// The answer is complete: the connection is closed when it is sent.
    case ending
  }

  /// Whether it can send more.
  enum Input {
    case open
    /// It sends no more, but still waits for its answer.
    case ended
  }

  /// The network namespace in which its socket was created.
  enum Home {
    /// The daemon's network namespace.
    case here
    case otherNamespace
  }

  init(_ connection: consuming Connection, token: UInt64, _ peer: Peer, _ home: Home, deadline: Int64) {
    self.connection = connection
    self.token = token
    self.peer = peer
    self.home = home
    self.deadline = deadline
  }

  /// Whether its answer comes later.
  var isWaited: Bool {
    switch mode {
    case .checking, .checkingRelease, .waiting: true
    case .asking, .following, .ending: false
    }
  }

  /// Its owner, for the limits of connections.
  var owner: ControlPlaces.Owner { peer.user == 0 && home == .here ? .root : .user(peer.user) }

  /// Its user's name, for the journal and the stored state.
  private(set) lazy var name = UserNames.name(of: peer.user)
}

extension Daemon {
  /// A client's socket is ready.
  func serve(_ client: ControlClient, _ ready: Poller.Ready) {
    if ready.interest.contains(.reading) || ready.isGone { receive(client, ready.token) }
    flush(client, ready.token)
  }

  private func receive(_ client: ControlClient, _ token: UInt64) {
    let room = ControlFrame.requestLimit + ControlFrame.headerSize - client.inbox.count
    switch client.connection.receive(atMost: max(min(room, 64 << 10), 1), files: .one) {
    case .nothing: return
    case .end:
      // A client that only stopped sending is still connected, and gets its answer.
      if client.isWaited, client.connection.isPeerConnected {
        client.input = .ended
      } else {
        clientIsGone(client)
        drop(client, token)
      }
      return
    case .bytes(let bytes, let file):
      let handed = file.map { HandedFile($0) }
      guard case .asking = client.mode, handed == nil || client.file == nil else {
        return drop(client, token)
      }
      client.file = client.file ?? handed
      client.inbox += bytes
    }
    switch ControlFrame.parse(client.inbox[...], limit: ControlFrame.requestLimit) {
    case .incomplete: return
    case .malformed: return drop(client, token)
    case .frame(let frame, let length):
      guard frame.kind == .request, length == client.inbox.count else { return drop(client, token) }
      client.inbox = []
      client.deadline = Clock.sinceBoot + ControlClient.patience
      answer(frame.payload, client)
      // A running check has its own reference to the file.
      client.file = nil
    }
  }

  /// Sends what can be sent now.
  func flush(_ client: ControlClient, _ token: UInt64) {
    guard clients.all[token] != nil else { return }
    while !client.outbox.isEmpty {
      guard let sent = client.connection.send(client.outbox[...]) else { return drop(client, token) }
      if sent == 0 { break }
      client.outbox.removeFirst(sent)
    }
    let reading: Poller.Interest = client.input == .open ? .reading : []
    if client.outbox.isEmpty {
      if case .ending = client.mode { return drop(client, token) }
      if case .following = client.mode { client.deadline = nil }
      try? poller.change(client.connection.descriptor, reading, token: token)
    } else {
      try? poller.change(client.connection.descriptor, reading.union(.writing), token: token)
    }
  }

  func drop(_ client: ControlClient, _ token: UInt64) {
    poller.remove(client.connection.descriptor)
    clients.all[token] = nil
    checks.forget(token)
    acceptAgain()
  }

  /// Whether a client follows the log.
  var isFollowed: Bool {
    clients.all.values.contains { if case .following = $0.mode { true } else { false } }
  }

  /// Sends a dropped packet to the clients that follow the log.
  func follow(_ report: DropReport) {
    for (token, client) in clients.all {
      guard case .following(let format) = client.mode else { continue }
      guard client.outbox.count < ControlClient.followerLimit else {
        client.missed += 1
        continue
      }
      if client.missed > 0 {
        let words: PrintableText =
          "\(client.missed) lines were left out, because they were not read in time\n"
        client.outbox += ControlFrame(.note, text: words).bytes
        client.missed = 0
      }
      let frame =
        switch format {
        case .text: ControlFrame(.output, text: "\(DropReportText.line(report))\n")
        case .json: ControlFrame(.output, document: DropReportText.json(report))
        }
      client.outbox += frame.bytes
      flush(client, token)
    }
  }
}
