// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel
import Testing

@testable import LinuxHost

private let one = String(repeating: "0123456789abcdef", count: 4)
private let two = String(repeating: "fedcba9876543210", count: 4)

struct DockerContainersTests {
  /// Docker's answer for a Compose service, a Swarm task and a plain container, shortened.
  private static let answer = """
    HTTP/1.0 200 OK\r
    Content-Type: application/json\r
    \r
    [{"Id": "\(one)", "Names": ["/web/db", "/shop-db-1"], "Image": "postgres:16", "Command": "x", "State": "running",
      "Labels": {"com.docker.compose.project": "shop", "com.docker.compose.service": "db"},
      "HostConfig": {"NetworkMode": "shop_default"}, "Mounts": [],
      "NetworkSettings": {"Networks": {"shop_default": {"IPAddress": "172.18.0.2"}, "back": {}}}},
     {"Id": "\(two)", "Names": ["/api.1.x"], "Image": "api@sha256:00", "Labels":
      {"com.docker.swarm.service.name": "api"}, "NetworkSettings": {"Networks": {"ingress": {}}}},
     {"Id": "short", "Names": null, "Labels": null}]
    """

  private static let database = ContainerIdentity(
    id: one, name: "shop-db-1", image: "postgres:16", composeProject: "shop", composeService: "db")

  @Test("Names, images, Compose and Swarm services are decoded from Docker's list")
  func list() throws {
    let server = try FakeDocker(.answer(Array(Self.answer.utf8)))
    let containers = try DockerContainers.read(DockerSocket(path: server.path))
    #expect(
      containers == [
        Self.database,
        ContainerIdentity(
          id: two, name: "api.1.x", image: "api@sha256:00", swarmService: "api"),
      ])
    #expect(server.requests().first?.hasPrefix("GET /containers/json HTTP/1.0\r\n") == true)
  }

  @Test("Another answer than a list is an error", arguments: ["{}", "[1]", "[{}]", "", "[{\"Id\": 5}]"])
  func malformed(body: String) throws {
    let server = try FakeDocker(.answer(Array("HTTP/1.0 200 OK\r\n\r\n\(body)".utf8)))
    #expect(throws: DockerError.malformed(server.path, "not a list of containers")) {
      try DockerContainers.read(DockerSocket(path: server.path))
    }
  }

  @Test("A container that no engine names has its id, and a missing engine causes no note")
  func nameless() throws {
    let server = try FakeDocker(.answer(Array(Self.answer.utf8)))
    let unknown = String(repeating: "0", count: 64)
    var notes: [HostNote] = []
    let named = DockerContainers.named([one, unknown], ["/nowhere/docker.sock", server.path], &notes)
    #expect(named[one] == Self.database)
    #expect(named[unknown] == ContainerIdentity(id: unknown))
    #expect(notes.isEmpty)
  }

  @Test("An engine that answers with an error causes a note, and the containers have their ids")
  func broken() throws {
    let server = try FakeDocker(.answer(Array("HTTP/1.0 500 Oh\r\n\r\n".utf8)))
    var notes: [HostNote] = []
    let named = DockerContainers.named([one], [server.path], &notes)
    #expect(named == [one: ContainerIdentity(id: one)])
    #expect(notes == [.containersUnnamed(reason: "\(server.path): the answer has HTTP status 500 Oh")])
  }

  @Test("Without containers no engine is queried")
  func unasked() throws {
    // Its answer would cause a note.
    let server = try FakeDocker(.answer(Array("HTTP/1.0 500 Oh\r\n\r\n".utf8)))
    var notes: [HostNote] = []
    #expect(DockerContainers.named([], [server.path], &notes).isEmpty)
    #expect(notes.isEmpty)
  }
}
