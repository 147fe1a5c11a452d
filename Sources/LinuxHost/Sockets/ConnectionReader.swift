// SPDX-License-Identifier: GPL-3.0-or-later

internal import Glibc
public import Netlink
public import NetworkModel

/// Reads the connected sockets of a host and of the network namespaces on it.
public enum ConnectionReader {
  /// The connections of the calling thread's namespace, which is the host's, and of every other namespace that a
  /// process in the caller's `/proc` is in or that a file keeps alive. `gaps` are sentences about namespaces that
  /// could not be read. Throws if the caller's own namespace cannot be read.
  public static func read() throws(HostReadError) -> (
    namespaces: [NamespaceConnections], gaps: [String]
  ) {
    guard let own = NetworkNamespace.identity else {
      throw .file(path: "/proc/thread-self/ns/net", errno: errno)
    }
    var namespaces = [try read(.host)]
    var gaps: [String] = []
    let members: NamespaceMembers
    do throws(HostReadError) {
      members = NamespaceMembers(of: try ProcessDirectory(), files: try NamespaceFiles.read(), own: own)
    } catch {
      return (namespaces, ["the connections of containers are not known: \(error)"])
    }
    for identity in members.others {
      do throws(HostReadError) {
        guard let file = try members.open(identity) else { continue }
        defer { close(file) }
        let found = try NamespaceThread.run(in: file) { () throws(HostReadError) in try read(.other) }
        if !found.sockets.isEmpty { namespaces.append(found) }
      } catch {
        gaps.append("the connections of the network namespace \(identity) are not known: \(error)")
      }
    }
    return (namespaces, gaps)
  }

  /// The connections of this thread's namespace.
  private static func read(_ place: NamespaceConnections.Place) throws(HostReadError) -> NamespaceConnections
  {
    let sockets = try SocketDiagnostics.connected().filter { !$0.remoteAddress.isLoopback }
    guard !sockets.isEmpty else {
      return NamespaceConnections(place, sockets: [], served: [], chosen: defaultRange)
    }
    return connections(place, sockets, beside: try SocketDiagnostics.listeners().listeners)
  }

  private static func connections(
    _ place: NamespaceConnections.Place, _ sockets: [SocketDiagnostics.Socket],
    beside listeners: [SocketDiagnostics.Socket]
  ) -> NamespaceConnections {
    NamespaceConnections(
      place, sockets: sockets.map { NamespaceConnections.Socket($0.protocol, sending: $0.sent) },
      served: Set(listeners.map { NamespaceConnections.ServedPort($0.protocol, $0.port) }),
      chosen: ephemeralPorts ?? defaultRange)
  }

  /// The connected sockets of this thread's namespace whose connections were opened there, without those on loopback
  /// addresses. `listeners` are its listening sockets.
  static func opened(beside listeners: [SocketDiagnostics.Socket]) throws(HostReadError)
    -> [SocketDiagnostics.Socket]
  {
    let sockets = try SocketDiagnostics.connected(beside: listeners).filter {
      !$0.remoteAddress.isLoopback && !$0.address.isLoopback
    }
    if sockets.isEmpty { return [] }
    let connections = connections(.host, sockets, beside: listeners)
    return zip(sockets, connections.sockets).filter {
      connections.opener(of: $0.1).side == .thisSide
    }.map { $0.0 }
  }

  /// The kernel's default of `ip_local_port_range`.
  private static let defaultRange: ClosedRange<UInt16> = 32_768...60_999

  /// The ports that the kernel chooses in this thread's namespace; nil if that cannot be read.
  public static var ephemeralPorts: ClosedRange<UInt16>? {
    guard let text = try? ProcFile.text("/proc/sys/net/ipv4/ip_local_port_range") else { return nil }
    let ends = text.split { $0 == "\t" || $0 == " " || $0 == "\n" }.compactMap { UInt16($0) }
    guard ends.count == 2, ends[0] <= ends[1] else { return nil }
    return ends[0]...ends[1]
  }
}
