// SPDX-License-Identifier: GPL-3.0-or-later

import Glibc
import NetworkModel
import TestSupport

/// Debian's nmap, as `scripts/setup.sh test` unpacks it.
enum Nmap {
  struct Failure: Error, CustomStringConvertible { let description: String }

  /// Ports to scan, of TCP and of UDP.
  struct Ports {
    var tcp: [UInt16]
    var udp: [UInt16]

    var count: Int { tcp.count + udp.count }
  }

  /// An open port that was found.
  struct Open: Hashable {
    let address: IPAddress
    let transport: IPProtocol
    let port: UInt16
  }

  private static let folder =
    "/" + #filePath.split(separator: "/").dropLast(4).joined(separator: "/") + "/.build/neighbours"

  static let isThere = access("\(folder)/usr/bin/nmap", X_OK) == 0

  /// Scans addresses of one family from the calling thread's namespace.
  static func scan(_ addresses: [IPAddress], _ ports: Ports, from source: IPAddress, by interface: String)
    throws
    -> Set<Open>
  {
    var machine = utsname()
    uname(&machine)
    let kind = withUnsafeBytes(of: machine.machine) { bytes in
      String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }
    let libraries = ["lib/\(kind)-linux-gnu", "usr/lib/\(kind)-linux-gnu", "usr/lib/\(kind)-linux-gnu/blas"]
    func list(_ letter: String, _ ports: [UInt16]) -> [String] {
      ports.isEmpty ? [] : ["\(letter):\(ports.map(String.init).joined(separator: ","))"]
    }
    var words = [
      // On a busy machine it would take late answers for lost ones.
      "nice", "-n", "-10", "env",
      "LD_LIBRARY_PATH=\(libraries.map { "\(folder)/\($0)" }.joined(separator: ":"))",
      "NMAPDIR=\(folder)/usr/share/nmap", "\(folder)/usr/bin/nmap", "-n", "-Pn", "--disable-arp-ping",
      "--send-ip", "-T4", "--max-retries", "2", "--initial-rtt-timeout", "100ms",
      "--max-rtt-timeout", "1000ms", "--min-rate", "1000", "--ttl", "64", "-S", source.description, "-e",
      interface, "-oG", "-", "-p", (list("T", ports.tcp) + list("U", ports.udp)).joined(separator: ","),
    ]
    if !ports.tcp.isEmpty { words.append("-sS") }
    if !ports.udp.isEmpty { words.append("-sU") }
    if source.family == .ipv6 { words.append("-6") }
    let result = try run(words + addresses.map(\.description))
    guard result.status == 0, result.output.contains("\(addresses.count) host") else {
      throw Failure(description: "nmap: status \(result.status): \(result.errors) \(result.output)")
    }
    return read(result.output)
  }

  /// Reads lines of `Host: ADDRESS ()	Ports: 80/open/tcp//http///, …	Ignored State: …`.
  static func read(_ output: String) -> Set<Open> {
    var found: Set<Open> = []
    for line in output.split(separator: "\n") {
      let parts = line.split(separator: "\t")
      guard let host = parts.first, host.hasPrefix("Host: "),
        let address = IPAddress(host.dropFirst(6).prefix { $0 != " " }),
        let ports = parts.first(where: { $0.hasPrefix("Ports: ") })
      else { continue }
      for entry in ports.dropFirst(7).split(separator: ",") {
        let fields = entry.drop { $0 == " " }.split(separator: "/", omittingEmptySubsequences: false)
        guard fields.count > 2, fields[1] == "open", let port = UInt16(fields[0]) else { continue }
        found.insert(Open(address: address, transport: fields[2] == "tcp" ? .tcp : .udp, port: port))
      }
    }
    return found
  }
}
