// SPDX-License-Identifier: GPL-3.0-or-later

internal import Enforcement
internal import Glibc
internal import LinuxHost
internal import NetworkModel
internal import Reports
internal import PolicyAnalysis

/// Who is connected to the control socket.
struct ControlClients {
  var all: [UInt64: ControlClient] = [:]

  /// Why one more of this owner's is not taken; nil where it is.
  func refusal(of owner: ControlPlaces.Owner) -> String? {
    ControlPlaces.refusal(of: owner, among: all.values.lazy.map(\.owner))
  }
}

/// A connection to the control socket: what came, what is to go, and until when it may take.
///
/// It can cost the daemon no more than a request's and an answer's bytes, and no waiting at all.
final class ControlClient {
  /// A request must be whole, and an answer taken, within this time (nanoseconds).
  static let patience: Int64 = 10_000_000_000
  /// Bytes that wait for a follower who does not read; lines beyond are not sent.
  static let followerLimit = 256 << 10

  let connection: Connection
  let token: UInt64
  let peer: Peer
  let home: Home
  var inbox: [UInt8] = []
  var input = Input.open
  /// What was handed over with the request: a policy and its lists.
  var file: HandedFile?
  var outbox: [UInt8] = []
  /// When it is given up; nil: it may stay.
  var deadline: Int64?
  var mode = Mode.asking
  /// Lines that were not sent since it did not read.
  var missed = 0

  enum Mode {
    case asking
    /// The policy of its request is being checked, to be put in force on trial for so many seconds, or for good.
    case checking(ControlRequest, TrialTime?)
    /// It is told of every dropped packet.
    case following(FirewallRequest.ReportForm)
    /// The answer is complete: it ends when it is sent.
    case ending
  }

  /// What more can come from it.
  enum Input {
    case open
    /// It sends no more, and still waits for its answer.
    case ended
  }

  /// Where its socket was made.
  enum Home {
    /// In the network namespace that the daemon keeps.
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

  /// Whose it is.
  var owner: ControlPlaces.Owner { peer.user == 0 && home == .here ? .root : .user(peer.user) }

  /// Who it is, for the journal and for what is kept.
  private(set) lazy var name = UserNames.name(of: peer.user)
}

extension Daemon {
  /// Something of a client's is ready.
  func serve(_ client: ControlClient, _ ready: Poller.Ready) {
    if ready.interest.contains(.reading) || ready.isGone { receive(client, ready.token) }
    flush(client, ready.token)
  }

  private func receive(_ client: ControlClient, _ token: UInt64) {
    let room = ControlFrame.requestLimit + ControlFrame.headerSize - client.inbox.count
    switch client.connection.receive(atMost: max(min(room, 64 << 10), 1), files: .one) {
    case .nothing: return
    case .end:
      // Who only stopped sending is still there while its policy is checked, and so gets the answer.
      if case .checking = client.mode, client.connection.isPeerConnected {
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
      // Who checks what was handed over holds it for as long as it takes.
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

  /// Tells those who follow the log of a dropped packet.
  func follow(_ report: DropReport) {
    for (token, client) in clients.all {
      guard case .following(let format) = client.mode else { continue }
      guard client.outbox.count < ControlClient.followerLimit else {
        client.missed += 1
        continue
      }
      if client.missed > 0 {
        client.outbox += ControlFrame(.note, text: "\(client.missed) lines were not read in time\n").bytes
        client.missed = 0
      }
      let frame =
        switch format {
        case .text: ControlFrame(.output, text: "\(DropReportText.journal(report))\n")
        case .json: ControlFrame(.output, document: DropReportText.json(report))
        }
      client.outbox += frame.bytes
      flush(client, token)
    }
  }
}
