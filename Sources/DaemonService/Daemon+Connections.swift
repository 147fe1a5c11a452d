// SPDX-License-Identifier: GPL-3.0-or-later

internal import Enforcement
internal import Netlink
internal import LinuxHost
internal import NetworkModel

/// Who connects, and for whom there is no room.
extension Daemon {
  /// Whether connections are accepted.
  enum Accepting {
    case open
    /// There was no descriptor for one: the listening sockets are not waited on until one is free, or a second is over.
    case paused
  }

  func acceptClients() {
    do throws(SystemError) {
      while let connection = try control.accept() { try take(connection) }
    } catch {
      acceptFailed(error)
    }
  }

  /// Takes a connection to the control socket, or turns it away.
  private func take(_ connection: consuming Connection) throws(SystemError) {
    let peer = try connection.peer()
    guard peer.user == 0 || connection.isPeer(inGroup: "wgfence") else {
      return journal.say(
        .warning, "user \(peer.user) may not speak to the daemon: it is not in the group wgfence",
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

  /// A connection could not be accepted. Where there is no descriptor for it, root is served with the spare one, others are
  /// closed with it, and the rest waits.
  func acceptFailed(_ error: SystemError) {
    guard error.isOutOfDescriptors else { return journal.say(.warning, "\(error)", about: .clients) }
    journal.say(.error, "\(error): others than root are not served until one is closed", about: .clients)
    spare.release()
    // No more than wait in the queue of the socket.
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

  /// Something was closed, or time has passed.
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
