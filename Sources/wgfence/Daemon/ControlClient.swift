// SPDX-License-Identifier: GPL-3.0-or-later

import Enforcement
import Glibc
import LinuxKernel
import NetworkModel
import PolicyAnalysis

/// Who is connected to the control socket.
struct ControlClients {
  /// More at once are turned away.
  static let limit = 32
  /// What of these members of the group may take: they do not keep root out.
  static let memberLimit = 24
  var all: [UInt64: ControlClient] = [:]

  /// Whether one more of this user's is taken.
  func hasRoom(for peer: Peer) -> Bool {
    guard all.count < Self.limit else { return false }
    return peer.user == 0 || all.values.count { $0.peer.user != 0 } < Self.memberLimit
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
  /// Files of a request: a policy and its lists.
  static let mostFiles = 64

  let connection: Connection
  let peer: Peer
  var inbox: [UInt8] = []
  var files: [Int32] = []
  var outbox: [UInt8] = []
  /// When it is given up; nil: it may stay.
  var deadline: Int64?
  var mode = Mode.asking
  /// Lines that were not sent since it did not read.
  var missed = 0

  enum Mode {
    case asking
    /// It is told of every dropped packet.
    case following(FollowFormat)
    /// The answer is complete: it ends when it is sent.
    case ending
  }

  enum FollowFormat {
    case text
    case json
  }

  init(_ connection: consuming Connection, _ peer: Peer, deadline: Int64) {
    self.connection = connection
    self.peer = peer
    self.deadline = deadline
  }

  deinit { closeFiles() }

  func closeFiles() {
    for file in files { close(file) }
    files = []
  }

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
    switch client.connection.receive(atMost: max(min(room, 64 << 10), 1), files: ControlClient.mostFiles) {
    case .nothing: return
    case .end: return drop(client, token)
    case .bytes(let bytes, let files):
      client.files += files
      guard case .asking = client.mode, client.files.count <= ControlClient.mostFiles else {
        return drop(client, token)
      }
      client.inbox += bytes
    }
    switch ControlFrame.parse(client.inbox[...], limit: ControlFrame.requestLimit) {
    case .incomplete: return
    case .malformed: return drop(client, token)
    case .frame(let frame, let length):
      guard frame.kind == .request, length == client.inbox.count else { return drop(client, token) }
      client.inbox = []
      client.deadline = Clock.sinceBoot + ControlClient.patience
      answer(ControlRequest(payload: frame.payload), client)
      client.closeFiles()
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
    if client.outbox.isEmpty {
      if case .ending = client.mode { return drop(client, token) }
      if case .following = client.mode { client.deadline = nil }
      try? poller.change(client.connection.descriptor, .reading, token: token)
    } else {
      try? poller.change(client.connection.descriptor, [.reading, .writing], token: token)
    }
  }

  func drop(_ client: ControlClient, _ token: UInt64) {
    poller.remove(client.connection.descriptor)
    clients.all[token] = nil
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
