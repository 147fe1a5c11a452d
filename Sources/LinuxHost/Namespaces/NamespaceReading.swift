// SPDX-License-Identifier: GPL-3.0-or-later

internal import CSys
internal import Glibc
internal import Netlink
internal import NetworkModel

/// What was read in one network namespace, before the owners of its sockets and the far ends of its
/// interfaces are known.
struct NamespaceReading: Sendable {
  /// The listening sockets.
  let sockets: SocketDiagnostics
  /// The sockets of the connections that programs here opened; empty if they were not wanted.
  let opened: [SocketDiagnostics.Socket]
  /// The interfaces.
  let links: LinkTable

  /// Reads this thread's network namespace; `loaded` are the protocols that the kernel has loaded.
  package static func read(
    _ wanted: SurveyedSockets, _ loaded: Set<IPProtocol> = SocketDiagnostics.loadedProtocols
  )
    throws(HostReadError) -> NamespaceReading
  {
    let sockets = try SocketDiagnostics.listeners(loaded)
    return NamespaceReading(
      sockets: sockets,
      opened: wanted == .listening ? [] : try ConnectionReader.opened(beside: sockets.listeners),
      links: try LinkTable.read())
  }

  /// A snapshot of the namespace with the owners of its sockets.
  func snapshot(_ processes: ProcessTable) -> HostSnapshot {
    let names = Dictionary(links.interfaces.map { ($0.index, $0.name) }) { first, _ in first }
    var notes = sockets.notes + links.notes
    var unknown = 0
    let listeners = sockets.listeners.map { socket in
      let bound = socket.boundInterface == 0 ? nil : names[socket.boundInterface]
      if socket.boundInterface != 0, bound == nil {
        notes.append(
          .boundInterfaceUnknown(index: socket.boundInterface, protocol: socket.protocol, port: socket.port))
      }
      let owner = processes.owner(of: socket.inode)
      if socket.inode != 0, owner == nil { unknown += 1 }
      return Listener(
        protocol: socket.protocol, address: socket.address, isDualStack: socket.isDualStack,
        boundInterface: bound, port: socket.port, process: owner, inode: socket.inode)
    }
    if unknown > 0 {
      notes.append(.unknownOwners(listeners: unknown, unreadableProcesses: processes.unreadableProcesses))
    }
    let opened = opened.map { socket in
      OpenedConnection(
        socket.protocol, sending: socket.sent,
        boundInterface: socket.boundInterface == 0 ? nil : names[socket.boundInterface],
        process: processes.owner(of: socket.inode))
    }
    return HostSnapshot(interfaces: links.interfaces, listeners: listeners, opened: opened, notes: notes)
  }

  /// The far ends of its interfaces. `numbers` are the identities of the namespaces by the ids that this
  /// namespace uses for them, `readings` the results of reading each namespace.
  func attachments(
    in own: UInt64, numbers: [UInt32: UInt64], readings: [UInt64: NamespaceReading]
  ) -> [InterfaceAttachment] {
    links.farEnds.map { end in
      let namespace = end.namespaceNumber.map { numbers[$0] } ?? own
      let table = namespace.flatMap { readings[$0]?.links }
      let far = table?.interface(index: end.index)
      return InterfaceAttachment(
        interface: end.interface, kind: end.kind, namespace: namespace, link: far?.name,
        master: far?.master.flatMap { table?.interface(index: $0)?.name })
    }
  }

  /// The ids that this namespace uses for the namespaces of the far ends.
  var namespaceNumbers: Set<UInt32> { Set(links.farEnds.compactMap { $0.namespaceNumber }) }

  /// The id that this thread's namespace uses for another one, which is given as an open nsfs file; nil if it
  /// has none. Source: `RTM_GETNSID` and `NETNSA_NSID_NOT_ASSIGNED` (-1) of `linux/net_namespace.h`.
  package static func number(of file: Int32) throws(HostReadError) -> UInt32? {
    var netlink = try NetlinkDump(family: Int(CSYS_NETLINK_ROUTE))
    var value: [UInt8] = []
    value.append(number: UInt32(bitPattern: file))
    let answers = try netlink.get(
      "querying a namespace's id", type: Int(CSYS_RTM_GETNSID),
      body: [0, 0, 0, 0] + AttributeReader.encode(Int(CSYS_NETNSA_FD), value)
    ) { (type, payload) throws(HostReadError) in
      AttributeReader(payload.dropFirst(4)).first { $0.type == Int(CSYS_NETNSA_NSID) }?.value
        .number(UInt32.self, at: 0)
    }
    return answers.first.flatMap { $0 == .max ? nil : $0 }
  }
}
