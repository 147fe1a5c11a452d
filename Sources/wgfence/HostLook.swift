// SPDX-License-Identifier: GPL-3.0-or-later

import ArgumentParser
import Netlink
import LinuxHost
import NetworkModel
import PolicyAnalysis
import HostAnalysis
import PacketWalk

/// One look at this whole host: what is on it, and what its kernel would do with a packet.
struct HostLook {
  /// The host for an audit.
  let host: AuditedHost
  /// What WireGuard and the kernel's settings say.
  let facts: HostFacts
  /// The kernel's list of what is hooked in.
  let order: HookOrder
  /// What could not be read, as sentences.
  let notes: [String]

  /// Looks. What stands in the way of it ends the verb with status 1.
  static func take() throws -> HostLook {
    do {
      let survey = try HostReader.survey(engines: ContainerEngines.paths)
      let facts = HostFactsReader.read(of: survey)
      let rules = try NamespaceTables.read(of: survey.others.filter { !$0.snapshot.listeners.isEmpty })
      var socket = try NFTablesSocket()
      let tables = try socket.readAll()
      let order = try HookOrder.read()
      let devices = facts.wireGuard.devices
      let unread = facts.wireGuard.unread.sorted { $0.key < $1.key }
      return HostLook(
        host: AuditedHost(
          survey: survey, tables: tables, order: order, environment: try LiveHostEnvironment(),
          otherTables: rules.tables, tunnels: Set(devices.map(\.name)),
          tunnelPorts: Set(devices.compactMap(\.listenPort))),
        facts: facts, order: order,
        notes: rules.gaps + unread.map { "the tunnel \($0.key) was not read: \($0.value)" })
    } catch let error as HostReadError {
      Console.error("\(error)")
    } catch let error as NetlinkError {
      Console.error("\(error)")
    }
    throw ExitCode(1)
  }
}
