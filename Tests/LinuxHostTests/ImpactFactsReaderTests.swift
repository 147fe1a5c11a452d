// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel
import Testing

@testable import LinuxHost

@Suite("What must keep working on a host, as it is read")
struct ImpactFactsReaderTests {
  /// A text of resolv.conf, and the name servers that glibc finds in it.
  struct Resolver: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let text: String
    let servers: [String]
  }

  @Test(
    "name servers of resolv.conf",
    arguments: [
      Resolver(testDescription: "an empty file", text: "", servers: []),
      Resolver(
        testDescription: "two servers, and other lines",
        text:
          "# by a program\nsearch example.net\nnameserver 192.0.2.1\nnameserver 192.0.2.2\noptions edns0\n",
        servers: ["192.0.2.1", "192.0.2.2"]),
      Resolver(
        testDescription: "IPv6, and the interface of a link-local address",
        text: "nameserver 2001:db8::53\nnameserver fe80::1%eth0\n", servers: ["2001:db8::53", "fe80::1"]),
      Resolver(
        testDescription: "tabs, several spaces, and no newline at the end", text: "nameserver \t 192.0.2.1",
        servers: ["192.0.2.1"]),
      Resolver(
        testDescription: "comments, also after an address",
        text: "#nameserver 192.0.2.9\n;nameserver 192.0.2.8\nnameserver 192.0.2.1 # the router\n"
          + "nameserver 192.0.2.2;old\n", servers: ["192.0.2.1", "192.0.2.2"]),
      Resolver(
        testDescription: "a server twice", text: "nameserver 192.0.2.1\nnameserver 192.0.2.1\n",
        servers: ["192.0.2.1"]),
      Resolver(
        testDescription: "what is no address", text: "nameserver\nnameserver router\nnameserver 192.0.2\n",
        servers: []),
      Resolver(
        testDescription: "another keyword with the same beginning", text: "nameservers 192.0.2.1\n",
        servers: []),
    ])
  func resolver(_ resolver: Resolver) {
    #expect(
      ImpactFactsReader.nameServers(resolvConf: resolver.text).map(\.description) == resolver.servers)
  }

  @Test("groups of /proc/net/igmp, whose numbers are in the byte order of the machine")
  func groups() throws {
    let text = """
      Idx\tDevice    : Count Querier\tGroup    Users Timer\tReporter
      1\tlo        :     1      V3
      \t\t\t\t010000E0     1 0:00000000\t\t0
      2\teth0      :     2      V3
      \t\t\t\t050000E0     1 0:00000000\t\t0
      \t\t\t\t010000E0     1 0:00000000\t\t0
      3\ta-long-name-15b :     1      V2
      \t\t\t\t120000E0     1 1:00000120\t\t1

      """
    let found = IGMPTable.groups(igmp: text)
    #expect(
      Dictionary(
        uniqueKeysWithValues: found.map { ($0.key.description, $0.value.map(\.description).sorted()) })
        == [
          "lo": ["224.0.0.1"], "eth0": ["224.0.0.1", "224.0.0.5"], "a-long-name-15b": ["224.0.0.18"],
        ])
  }

  @Test("groups of /proc/net/igmp6")
  func groups6() throws {
    let text = """
      1    lo              ff020000000000000000000000000001     1 0000000C 0
      2    eth0            ff020000000000000000000000000005     1 00000004 0
      2    eth0            ff0200000000000000000001ff000010     1 00000004 0

      """
    let found = IGMPTable.groups(igmp6: text)
    #expect(
      Dictionary(
        uniqueKeysWithValues: found.map { ($0.key.description, $0.value.map(\.description).sorted()) })
        == ["lo": ["ff02::1"], "eth0": ["ff02::1:ff00:10", "ff02::5"]])
  }

  @Test(
    "tables that are cut off or have other lines give what can be read",
    arguments: ["", "x", "1\n", "\t\t\n"])
  func malformed(_ text: String) {
    #expect(IGMPTable.groups(igmp: text).isEmpty)
    #expect(IGMPTable.groups(igmp6: text).isEmpty)
  }
}
