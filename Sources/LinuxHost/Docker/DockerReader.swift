// SPDX-License-Identifier: GPL-3.0-or-later

internal import FoundationEssentials
public import NetworkModel

/// Reads Docker's networks and Swarm state. Source: Docker Engine API, `GET /info` and `GET /networks`.
public enum DockerReader {
  /// What Docker reports, or why it could not be read: no socket, no permission, an answer that cannot be
  /// decoded.
  public static func read(_ socket: DockerSocket?) -> Reading<DockerFacts> {
    guard let socket else {
      return .unknown("there is no socket at \(DockerSocket.defaultPaths.joined(separator: " or "))")
    }
    do throws(DockerError) {
      let info = try socket.get("/info")
      let networks = try socket.get("/networks")
      guard let facts = facts(info: info, networks: networks) else {
        return .unknown("\(socket.path): the answer does not have the format of the Docker Engine API")
      }
      return .known(facts)
    } catch {
      return .unknown(error.description)
    }
  }

  /// Decodes both answers; nil if they do not have the documented format.
  static func facts(info: [UInt8], networks: [UInt8]) -> DockerFacts? {
    let decoder = JSONDecoder()
    guard let info = try? decoder.decode(Info.self, from: Data(info)),
      let networks = try? decoder.decode([Network].self, from: Data(networks))
    else { return nil }
    let swarm = info.Swarm.flatMap { swarm -> SwarmFacts? in
      guard let state = swarm.LocalNodeState, state != "inactive" else { return nil }
      return SwarmFacts(
        nodeAddress: swarm.NodeAddr.flatMap { IPAddress($0) },
        managers: (swarm.RemoteManagers ?? []).compactMap { WireGuardEndpoint($0.Addr ?? "")?.address })
    }
    return DockerFacts(
      swarm: swarm,
      networks: networks.compactMap { network in
        let subnets = (network.IPAM?.Config ?? []).compactMap { $0.Subnet.flatMap { Prefix($0) } }
        return subnets.isEmpty ? nil : DockerNetwork(name: network.Name, subnets: subnets)
      }.sorted { $0.name < $1.name })
  }

  // The keys are Docker's own.
  // swift-format-ignore: AlwaysUseLowerCamelCase
  private struct Info: Decodable {
    let Swarm: SwarmInfo?
    struct SwarmInfo: Decodable {
      let NodeAddr: String?
      let LocalNodeState: String?
      let RemoteManagers: [Manager]?
    }
    struct Manager: Decodable { let Addr: String? }
  }

  // swift-format-ignore: AlwaysUseLowerCamelCase
  private struct Network: Decodable {
    let Name: String
    let IPAM: Management?
    struct Management: Decodable { let Config: [Pool]? }
    struct Pool: Decodable { let Subnet: String? }
  }
}
