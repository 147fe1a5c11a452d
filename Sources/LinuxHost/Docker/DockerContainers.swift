// SPDX-License-Identifier: GPL-3.0-or-later

internal import FoundationEssentials
internal import Glibc
public import NetworkModel

/// The running containers of an engine with Docker's API: Docker itself, or podman. Source: Docker Engine
/// API, `GET /containers/json`.
public enum DockerContainers {
  /// The usual paths of the engines' sockets. `/var/run` is a link to `/run` on current systems; a socket
  /// with two paths is queried once.
  public static let paths = DockerSocket.defaultPaths + ["/run/podman/podman.sock"]

  /// Queries the engine at a socket.
  public static func read(_ socket: DockerSocket) throws(DockerError) -> [ContainerIdentity] {
    let answer = try socket.get("/containers/json")
    guard let containers = decode(answer) else {
      throw .malformed(socket.path, "not a list of containers")
    }
    return containers
  }

  /// The identities of the containers by their ids, each with the name from the first engine that knows it.
  /// Engines are queried as long as an id has no name. An engine that exists but does not give an answer is
  /// added to `notes`.
  static func named(
    _ ids: Set<String>, _ paths: [String], _ notes: inout [HostNote]
  ) -> [String: ContainerIdentity] {
    var named: [String: ContainerIdentity] = [:]
    var asked: Set<String> = []
    for path in paths where !ids.allSatisfy({ named[$0] != nil }) {
      guard let socket = DockerSocket.find([path]), asked.insert(resolved(path)).inserted else { continue }
      do throws(DockerError) {
        for container in try read(socket) where named[container.id] == nil { named[container.id] = container }
      } catch {
        notes.append(.containersUnnamed(reason: "\(error)"))
      }
    }
    for id in ids where named[id] == nil { named[id] = ContainerIdentity(id: id) }
    return named
  }

  /// The path with all links resolved, so that each socket is queried once.
  private static func resolved(_ path: String) -> String {
    guard let real = realpath(path, nil) else { return path }
    defer { free(real) }
    return String(cString: real)
  }

  /// Decodes the answer; nil if it is not a list of containers. A container whose id is not 64 hexadecimal
  /// digits is left out, since no process could be assigned to it.
  static func decode(_ json: [UInt8]) -> [ContainerIdentity]? {
    guard let entries = try? JSONDecoder().decode([Entry].self, from: Data(json)) else { return nil }
    return entries.compactMap { $0.identity }
  }

  /// An element of the list.
  private struct Entry: Decodable {
    let id: String
    let names: [String]?
    let image: String?
    let labels: [String: String]?

    enum CodingKeys: String, CodingKey {
      case id = "Id"
      case names = "Names"
      case image = "Image"
      case labels = "Labels"
    }

    var identity: ContainerIdentity? {
      guard id.utf8.count == 64, id.utf8.allSatisfy({ "0123456789abcdef".utf8.contains($0) }) else {
        return nil
      }
      // A container that others link to also has the names of these links: `/shop/db` besides `/db`.
      let name = (names ?? []).map { $0.hasPrefix("/") ? String($0.dropFirst()) : $0 }
        .first { !$0.isEmpty && !$0.contains("/") }
      return ContainerIdentity(
        id: id, name: name, image: image,
        composeProject: labels?["com.docker.compose.project"],
        composeService: labels?["com.docker.compose.service"],
        swarmService: labels?["com.docker.swarm.service.name"])
    }
  }
}
