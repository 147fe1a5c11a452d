// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel

/// Reads what this host has and serves: its interfaces, its listening sockets and who holds them.
public enum HostReader {
  /// Reads the network namespace of the calling thread. Owners are looked for in the calling process' `/proc`, so those
  /// of other network namespaces are found as well. Without root, what cannot be learnt is in the notes.
  public static func snapshot() throws(HostReadError) -> HostSnapshot {
    let sockets = try SocketDiagnostics.listeners()
    let links = try LinkTable.read()
    let processes = try ProcessTable.owners(of: Set(sockets.listeners.map { $0.inode }))
    let names = Dictionary(links.interfaces.map { ($0.index, $0.name) }) { first, _ in first }

    var notes = sockets.notes + links.notes
    var unknown = 0
    let listeners = sockets.listeners.map { socket in
      let bound = names[socket.boundInterface]
      if socket.boundInterface != 0, bound == nil {
        notes.append(
          .boundInterfaceUnknown(index: socket.boundInterface, protocol: socket.protocol, port: socket.port))
      }
      let owner = processes.owners[socket.inode]
      if socket.inode != 0, owner == nil { unknown += 1 }
      return Listener(
        protocol: socket.protocol, address: socket.address, isDualStack: socket.isDualStack,
        boundInterface: bound,
        port: socket.port, process: owner, inode: socket.inode)
    }
    if unknown > 0 {
      notes.append(.unknownOwners(listeners: unknown, unreadableProcesses: processes.unreadableProcesses))
    }
    return HostSnapshot(interfaces: links.interfaces, listeners: listeners, notes: notes)
  }
}
