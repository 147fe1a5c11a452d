// SPDX-License-Identifier: GPL-3.0-or-later

internal import Enforcement
internal import Netlink
internal import LinuxHost
internal import NetworkModel

/// Accepting and refusing connections.
extension Daemon {
  /// A new number for a descriptor in the loop, never used before.
  func takeToken() -> UInt64 {
    nextToken += 1
    return nextToken
  }

  /// Whether connections are accepted.
  enum Accepting {
    case open
    /// There was no descriptor for one: the listening sockets are not polled until one is free, or for one second.
    case paused
  }

  func acceptClients() {
    do throws(SystemError) {
      while let connection = try control.accept() { try take(connection) }
    } catch {
      acceptFailed(error)
    }
  }

  /// Accepts a connection to the control socket, or refuses it.
  private func take(_ connection: consuming Connection) throws(SystemError) {
    let peer = try connection.peer()
    guard peer.user == 0 || connection.isPeer(inGroup: "wgfence") else {
      return journal.say(
        .warning, "user \(peer.user) was refused at the control socket: it is not in the group wgfence",
        about: .clients)
    }
    let home: ControlClient.Home = try connection.isPeer(inNamespaceOf: control) ? .here : .otherNamespace
    let token = takeToken()
    let descriptor = connection.descriptor
    let client = ControlClient(
      connection, token: token, peer, home, deadline: Clock.sinceBoot + ControlClient.patience)
    if let refusal = clients.refusal(of: client.owner) {
      journal.say(
        .warning, "a connection of \(client.name) to the control socket was closed: \(refusal)",
        about: .clients)
      let words: PrintableText = "wgfence: error: the daemon closed this connection: \(refusal)\n"
      _ = client.connection.send(
        (ControlFrame(.note, text: words).bytes + ControlFrame(.exit, [1]).bytes)[...])
      return
    }
    try poller.add(descriptor, .reading, token: token)
    clients.all[token] = client
  }

  /// A connection could not be accepted. If there is no descriptor for it, the spare one is used to serve root and
  /// to close the connections of others. The remaining ones wait.
  func acceptFailed(_ error: SystemError) {
    guard error.isOutOfDescriptors else { return journal.say(.warning, "\(error)", about: .clients) }
    journal.say(.error, "\(error): only root is served until a connection is closed", about: .clients)
    spare.release()
    // At most as many as wait in the queue of the socket.
    for _ in 0..<32 {
      guard let connection = try? control.accept() else { break }
      guard let peer = try? connection.peer(), peer.user == 0 else { continue }
      do throws(SystemError) {
        try take(connection)
      } catch {
        journal.say(.warning, "\(error)", about: .clients)
      }
      break
    }
    spare.take()
    pauseAccepting()
  }

  private func pauseAccepting() {
    accepting = .paused
    schedule.accept = Clock.sinceBoot + 1_000_000_000
    wait([])
  }

  /// A connection was closed, or the pause is over.
  func acceptAgain() {
    schedule.accept = nil
    spare.take()
    guard case .paused = accepting else { return }
    accepting = .open
    wait(.reading)
  }

  private func wait(_ interest: Poller.Interest) {
    try? poller.change(control.descriptor, interest, token: Token.control)
    if let listener = metricsListener?.descriptor {
      try? poller.change(listener, interest, token: Token.metrics)
    }
  }
}
