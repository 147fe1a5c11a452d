// SPDX-License-Identifier: GPL-3.0-or-later

import Glibc
import NetworkModel
import Testing

@testable import LinuxHost

struct DockerReaderTests {
  private static func facts(_ info: String, _ networks: String = "[]") -> DockerFacts? {
    DockerReader.facts(info: Array(info.utf8), networks: Array(networks.utf8))
  }

  @Test("A Swarm's addresses and the networks' subnets are decoded")
  func whole() throws {
    let facts = try #require(
      Self.facts(
        """
        {"ID": "x", "Containers": 3, "Swarm": {"NodeID": "n", "NodeAddr": "10.13.13.2", "LocalNodeState": "active",
         "RemoteManagers": [{"NodeID": "m", "Addr": "10.13.13.1:2377"}, {"NodeID": "o", "Addr": "[fd13:13::1]:2377"}],
         "Cluster": {"DataPathPort": 4789}}}
        """,
        """
        [{"Name": "none", "IPAM": {"Driver": "default", "Config": null}}, {"Name": "host", "IPAM": {"Config": []}},
         {"Name": "bridge", "IPAM": {"Config": [{"Subnet": "172.17.0.0/16", "Gateway": "172.17.0.1"}]}},
         {"Name": "app", "IPAM": {"Config": [{"Subnet": "10.0.1.0/24"}, {"Subnet": "fd00:1::/64"}, {}]}}]
        """))
    #expect(facts.swarm?.nodeAddress?.description == "10.13.13.2")
    #expect(facts.swarm?.managers.map(\.description) == ["10.13.13.1", "fd13:13::1"])
    #expect(facts.networks.map(\.name) == ["app", "bridge"])
    #expect(facts.networks.first?.subnets.map(\.description) == ["10.0.1.0/24", "fd00:1::/64"])
  }

  @Test(
    "A Docker outside of a Swarm has no Swarm facts",
    arguments: [#"{"Swarm": {"NodeAddr": "", "LocalNodeState": "inactive"}}"#, #"{"Swarm": {}}"#, "{}"])
  func noSwarm(info: String) {
    #expect(Self.facts(info) == DockerFacts())
  }

  @Test(
    "An answer with another format than Docker's is not decoded",
    arguments: [
      ("", "[]"), ("[]", "[]"), ("{}", "{}"), (#"{"Swarm": 7}"#, "[]"), ("{}", #"[{"IPAM": {}}]"#),
      (String(repeating: "[", count: 100_000), "[]"),
    ])
  func malformed(info: String, networks: String) {
    #expect(Self.facts(info, networks) == nil)
  }

  @Test("The reason why Docker could not be read is reported")
  func unknown() throws {
    #expect(
      DockerReader.read(nil) == .unknown("there is no socket at /run/docker.sock or /var/run/docker.sock"))
    let server = try FakeDocker(.answer(Array("HTTP/1.0 500 No\r\n\r\n".utf8)))
    #expect(
      DockerReader.read(DockerSocket(path: server.path))
        == .unknown("\(server.path): the answer has HTTP status 500 No"))
  }
}

struct UnitFilesTests {
  /// Folders of unit files, deleted with the value.
  private final class Folders {
    let paths: [String]
    private var made: [String] = []

    init(_ name: String, files: [String: String]) throws {
      let root = "/tmp/wgfence-units-\(name)-\(getpid())"
      paths = ["\(root)/etc", "\(root)/lib"]
      for folder in [root] + paths {
        mkdir(folder, 0o700)
        made.append(folder)
      }
      for (path, text) in files.sorted(by: { $0.key < $1.key }) {
        let parts = path.split(separator: "/")
        if parts.count == 3 {
          let folder = "\(root)/\(parts[0])/\(parts[1])"
          if mkdir(folder, 0o700) == 0 { made.append(folder) }
        }
        let file = open("\(root)/\(path)", O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        try #require(file >= 0)
        defer { close(file) }
        try #require(write(file, text, text.utf8.count) == text.utf8.count)
        made.append("\(root)/\(path)")
      }
    }

    deinit { for path in made.reversed() { remove(path) } }
  }

  @Test("A unit's order is read from its file and its drop-ins, for an instance also from its template's")
  func order() throws {
    let folders = try Folders(
      "order",
      files: [
        "lib/db@.service":
          "[Unit]\nAfter=network.target \\\n  local-fs.target\n# After=nothing.target\nBefore=x.target\n",
        "etc/db@.service.d/a.conf": "[Unit]\nAfter = wg-quick@wg0.service\n",
        "etc/db@15.service.d/b.conf": "[Unit]\nAfter=time.target\n",
        "etc/db@15.service.d/c.txt": "After=not-this.target\n",
        "lib/plain.service": "[Service]\nExecStart=/bin/true\n",
        "etc/over.service": "[Unit]\nAfter=one.target\n", "lib/over.service": "[Unit]\nAfter=two.target\n",
        "lib/again.service": "[Unit]\nAfter=one.target\nAfter=\nAfter=two.target\n",
      ])
    func order(_ unit: String) -> Set<String>? { UnitFiles.order(of: unit, folders: folders.paths) }
    #expect(
      order("db@15.service") == ["network.target", "local-fs.target", "wg-quick@wg0.service", "time.target"])
    #expect(order("plain.service") == [])
    #expect(order("over.service") == ["one.target"])
    #expect(order("again.service") == ["two.target"])
    #expect(order("missing.service") == nil)
    #expect(order("../lib/plain.service") == nil)
  }
}
