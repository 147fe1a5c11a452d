// SPDX-License-Identifier: GPL-3.0-or-later

internal import Glibc
public import Netlink
public import NetworkModel
public import Ruleset

/// The tables of other network namespaces of the host: those of nf_tables and of legacy iptables.
public struct NamespaceTables: Sendable {
  /// The tables by the namespace's identity. Namespaces without tables are left out.
  public private(set) var tables: [UInt64: [KernelTable]] = [:]
  /// The services of IPVS by the namespace's identity.
  public private(set) var services: [UInt64: [VirtualService]] = [:]
  /// What could not be read, as sentences.
  public private(set) var gaps: [String] = []

  /// Reads the tables of some namespaces, each on a separate thread.
  public static func read(of namespaces: [NamespaceSnapshot]) throws(HostReadError) -> NamespaceTables {
    var result = NamespaceTables()
    if namespaces.isEmpty { return result }
    guard let own = NetworkNamespace.identity else {
      throw .file(path: "/proc/thread-self/ns/net", errno: errno)
    }
    let members = NamespaceMembers(
      of: try ProcessDirectory(), files: try NamespaceFiles.read(), own: own)
    for (namespace, found) in zip(namespaces, WorkThreads.map(namespaces) { read($0, members) }) {
      switch found {
      case .success(let (tables, services)):
        if !tables.isEmpty { result.tables[namespace.identity] = tables }
        if !services.isEmpty { result.services[namespace.identity] = services }
      case .failure(let error):
        result.gaps.append("the rules of \(namespace.kind) could not be read: \(error)")
      }
    }
    return result
  }

  private typealias Reading = Result<([KernelTable], [VirtualService]), any Error>

  /// The tables and the services of a namespace; none if it was deleted.
  private static func read(_ namespace: NamespaceSnapshot, _ members: NamespaceMembers) -> Reading {
    do throws(HostReadError) {
      guard let file = try members.open(namespace.identity) else { return .success(([], [])) }
      defer { close(file) }
      return try NamespaceThread.run(in: file) { () throws(HostReadError) -> Reading in
        do throws(NetlinkError) {
          return .success((try LoadedTables.read(), BlindSpotReader.services))
        } catch {
          return .failure(error)
        }
      }
    } catch {
      return .failure(error)
    }
  }
}
