// SPDX-License-Identifier: GPL-3.0-or-later

import AnalysisTestSupport
import Foundation
import NetworkModel
import PolicyLanguage
import Testing

@testable import Reports

@Suite("the services that a policy can name")
struct ServicesReportTests {
  private static let text = """
    version: 1
    tunnels: { wg0: { prefixes: [10.9.0.0/24], listen: 51820 } }
    machines:
      server: { addresses: { wg0: 10.9.0.1 } }
      laptop: { addresses: { wg0: 10.9.0.2 } }
    services: { app: 3000/tcp, web: [8080/tcp], both: [app, postgres] }
    allow:
      - { to: server, services: [both, web, 9999/tcp], from: laptop }
    """

  @Test("a port is written as a grant writes it")
  func portsAreWritten() {
    for service in ServiceCatalogue.services {
      for port in service.ports { #expect(Service(written: port.description)?.ports == [port]) }
    }
  }

  @Test("the catalogue alone, without a policy")
  func catalogue() {
    let directory = ServiceDirectory(nil)
    #expect(directory.entries.map(\.service) == ServiceCatalogue.services)
    #expect(directory.entries.allSatisfy { $0.origin == .catalogue })
  }

  @Test("the policy's own services, and those that it redefines; not the ports written in place")
  func ownServices() throws {
    let directory = ServiceDirectory(try policy(Self.text))
    func origin(_ name: String) -> ServiceDirectory.Origin? {
      directory.entries.first { $0.service.name == name }?.origin
    }
    #expect(origin("app") == .policy)
    #expect(origin("both") == .policy)
    #expect(origin("web") == .redefined)
    #expect(origin("postgres") == .catalogue)
    #expect(origin("9999/tcp") == nil)
    #expect(directory.entries.map(\.service.name) == directory.entries.map(\.service.name).sorted())
  }

  @Test("by name, by port of any protocol, by port of one, and by the number of a protocol")
  func find() throws {
    let directory = ServiceDirectory(try policy(Self.text))
    func names(_ word: String) -> [String]? { directory.find(word)?.map(\.service.name) }
    #expect(names("postgres") == ["postgres"])
    #expect(names("3000") == ["app", "gitea", "grafana", "both"])
    #expect(names("53/udp") == ["dns"])
    #expect(names("60500/udp") == ["mosh"])
    #expect(names("ip/89") == ["ospf"])
    #expect(names("icmp") == ["ping"])
    #expect(names("9/tcp") == [])
    #expect(names("postgre") == nil)
    #expect(names("0") == nil)
    #expect(directory.search(nil) == .found(directory.entries))
    #expect(
      directory.search("postgre") == .nothing("no service is called 'postgre': did you mean 'postgres'?"))
    #expect(
      directory.search("9")
        == .nothing("no service has the port '9': write it in place in a grant, as in services: [9/tcp]"))
  }

  @Test("as text and as JSON")
  func reports() throws {
    let directory = ServiceDirectory(try policy(Self.text))
    let report = ServicesReport(try #require(directory.find("8080/tcp")), policy: "site.yaml")
    #expect(
      report.text.description == """
        service   ports                               defined in
        cadvisor  8080/tcp                            the catalogue
        jenkins   8080/tcp                            the catalogue
        web       8080/tcp                            site.yaml, unlike the catalogue
        traefik   80/tcp, 443/tcp, 8080/tcp, 443/udp  the catalogue

        """)
    let json = try #require(JSONSerialization.jsonObject(with: Data(report.json.utf8)) as? [String: Any])
    #expect(json["schema"] as? String == "wgfence/services/1")
    #expect(json["policy"] as? String == "site.yaml")
    let services = try #require(json["services"] as? [[String: Any]])
    #expect(services.map { $0["name"] as? String } == ["cadvisor", "jenkins", "web", "traefik"])
    #expect(services[2]["origin"] as? String == "redefined")
    #expect(services[2]["ports"] as? [String] == ["8080/tcp"])
  }
}
