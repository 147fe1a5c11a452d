// SPDX-License-Identifier: GPL-3.0-or-later

internal import HostAnalysis
internal import NetworkModel
internal import PacketWalk
internal import PolicyLanguage

/// The content of a map, before it is laid out.
extension ExposureMap {
  /// A service that is reached, with the flows to it.
  struct Entry {
    let group: Group
    var exposures: [Int]
    let flows: [Inflow]
  }

  /// A flow to a service. It is drawn as exactly one line.
  struct Inflow {
    let trunk: Trunk
    let because: String
  }

  /// Senders of a side with the same kind of flow. Each trunk has its own lane.
  struct Trunk: Hashable {
    let side: Int
    let senders: [String]
    let flow: Flow
  }

  /// The group in which a service is shown.
  enum Group: String, CaseIterable {
    case host = "This host"
    case containers = "Containers"
    case others = "Other network namespaces"

    init(_ exposure: Exposure) {
      if exposure.container != nil {
        self = .containers
        return
      }
      switch exposure.place {
      case .host: self = .host
      case .container: self = .containers
      case .named, .process: self = .others
      }
    }
  }

  /// The key by which sockets are merged into one service: everything except their addresses.
  private struct Identity: Hashable {
    let transport: IPProtocol
    let port: UInt16
    let interface: InterfaceName?
    let place: NamespaceSnapshot.Kind
    let process: ProcessIdentity?
    let container: ContainerIdentity?
    let reachable: [Exposure.Reach]
  }

  /// The services that are reached, by group and in the audit's order; and the exposures that no side reaches.
  static func entries(of exposures: [Exposure], from sides: [AuditPage.Side]) -> (
    entries: [Entry], unreached: [Int]
  ) {
    let places = Dictionary(sides.enumerated().map { ($1.name, $0) }) { first, _ in first }
    var entries: [Entry] = []
    var known: [Identity: Int] = [:]
    var unreached: [Int] = []
    for (index, exposure) in exposures.enumerated() {
      let flows = exposure.reachable.compactMap { reach -> Inflow? in
        guard let side = places[reach.zone], let flow = Flow(reach, from: sides[side].kind) else {
          return nil
        }
        return Inflow(
          trunk: Trunk(side: side, senders: reach.from, flow: flow), because: reach.because)
      }
      if flows.isEmpty {
        unreached.append(index)
        continue
      }
      let identity = Identity(
        transport: exposure.listener.protocol, port: exposure.listener.port,
        interface: exposure.listener.boundInterface, place: exposure.place,
        process: exposure.listener.process, container: exposure.container, reachable: exposure.reachable)
      if let entry = known[identity] {
        entries[entry].exposures.append(index)
      } else {
        known[identity] = entries.count
        entries.append(Entry(group: Group(exposure), exposures: [index], flows: flows))
      }
    }
    return (Group.allCases.flatMap { group in entries.filter { $0.group == group } }, unreached)
  }

  /// The indexes of entries that share port and group with another entry: only their addresses distinguish them.
  static func twins(among entries: [Entry], of exposures: [Exposure]) -> Set<Int> {
    let places = Dictionary(grouping: entries.indices) { index -> [String] in
      let listener = entries[index].exposures.first.map { exposures[$0].listener }
      return [entries[index].group.rawValue] + (listener.map { ["\($0.protocol)", "\($0.port)"] } ?? [])
    }
    return Set(places.values.filter { $0.count > 1 }.joined())
  }
}
