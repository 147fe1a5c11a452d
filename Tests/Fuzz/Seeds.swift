// SPDX-License-Identifier: GPL-3.0-or-later

import CSys
import Glibc
import NetworkModel
import Ruleset
import TestSupport

@testable import Enforcement
@testable import Netlink
@testable import LinuxHost

/// The first inputs of targets with binary inputs, made by the project's own encoders. The other targets start with
/// the files of policies/ and Tests/Golden, and with the small hand-written files in Tests/Corpus.
enum Seeds {
  /// Writes all of them, a folder for each target. Returns 0, or 1 if a file cannot be written.
  static func write(below folder: String) -> Int32 {
    for (target, seeds) in all {
      mkdir("\(folder)/\(target.rawValue)", 0o755)
      for (number, seed) in seeds.enumerated() {
        do throws(SystemError) {
          try DurableFile.replace("\(folder)/\(target.rawValue)/made-\(number)", seed, for: .everyone)
        } catch {
          print("\(error)")
          return 1
        }
      }
    }
    return 0
  }

  private static var all: [(FuzzTarget, [[UInt8]])] {
    let batches = (1...6).compactMap { try? TableBatch.encode(RandomTable.make(seed: $0)) }
    let provenance = "kind=policy\npath=/etc/wgfence/policy.yaml\npolicy=00\nmachine=m\nby=root\nsince=1\n\n"
    var state = PersistedState()
    state.inForce = 3
    state.pending = .init(
      back: 2, deadline: 5, boot: "b", seconds: 60, by: "root", connections: ["192.0.2.1:1 192.0.2.2:22"])
    state.panic = .init(since: 1, by: "root", behind: 2)
    let unwrapped = DigestedFile.unwrap("wgfence state 1", state.bytes) ?? []
    return [
      (.nftables, batches),
      (.expressions, expressions),
      (.state, [unwrapped] + batches.prefix(2).map { Array(provenance.utf8) + $0 }),
      (.conntrack, [flow]), (.links, [link, address, route]), (.sockets, [socket]),
      (.wireguardKernel, [[200] + device + device]), (.packetLog, [packet]), (.control, [request]),
      (.legacy, AddressFamily.allCases.map(legacy)),
    ] + FuzzTarget.releaseSeeds
  }

  /// The size of what precedes the entries of a legacy table, in bytes.
  static let legacyHead = 1 + 4 * 12

  private static func legacy(_ family: AddressFamily) -> [UInt8] {
    let table = LegacyBytes.example(family)
    return [family == .ipv4 ? 0 : 1]
      + ([table.hooks] + table.beginnings + table.policies + [table.count]).flatMap { number in
        withUnsafeBytes(of: number) { Array($0) }
      } + table.entries
  }

  /// The expressions of the rules in some batches, each once.
  private static var expressions: [[UInt8]] {
    var found: [String: [UInt8]] = [:]
    for batch in (1...20).compactMap({ try? TableBatch.encode(RandomTable.make(seed: $0)) }) {
      batch.withUnsafeBytes { bytes in
        for message in MessageList(bytes) where message.type & 0xff == 6 {
          for attribute in message.attributes where attribute.type == 4 {
            for element in attribute.nested {
              var list = element.nested
              if let name = list.next(), found[name.text] == nil { found[name.text] = element.bytes }
            }
          }
        }
      }
    }
    return found.sorted { $0.key < $1.key }.map(\.value)
  }

  private static func attribute(_ type: some BinaryInteger, _ value: [UInt8]) -> [UInt8] {
    AttributeReader.encode(Int(type), value)
  }

  private static func zeros(_ count: some BinaryInteger) -> [UInt8] {
    [UInt8](repeating: 0, count: Int(count))
  }

  private static var flow: [UInt8] {
    func tuple(_ type: some BinaryInteger) -> [UInt8] {
      attribute(
        type,
        attribute(
          CSYS_CTA_TUPLE_IP,
          attribute(CSYS_CTA_IP_V4_SRC, [192, 0, 2, 1]) + attribute(CSYS_CTA_IP_V4_DST, [192, 0, 2, 2]))
          + attribute(
            CSYS_CTA_TUPLE_PROTO,
            attribute(CSYS_CTA_PROTO_NUM, [6]) + attribute(CSYS_CTA_PROTO_SRC_PORT, [0, 80])
              + attribute(CSYS_CTA_PROTO_DST_PORT, [1, 0])))
    }
    return tuple(CSYS_CTA_TUPLE_ORIG) + tuple(CSYS_CTA_TUPLE_REPLY)
      + attribute(CSYS_CTA_STATUS, [0, 0, 1, 0]) + attribute(CSYS_CTA_MARK, [0, 0, 0, 1])
      + attribute(CSYS_CTA_COUNTERS_ORIG, attribute(CSYS_CTA_COUNTERS_PACKETS, zeros(8)))
      + attribute(
        CSYS_CTA_PROTOINFO, attribute(CSYS_CTA_PROTOINFO_TCP, attribute(CSYS_CTA_PROTOINFO_TCP_STATE, [3])))
  }

  private static var link: [UInt8] {
    zeros(CSYS_IFINFOMSG_SIZE) + attribute(CSYS_IFLA_IFNAME, Array("br0\0".utf8))
      + attribute(CSYS_IFLA_MTU, [0xdc, 5, 0, 0]) + attribute(CSYS_IFLA_LINK, [1, 0, 0, 0])
      + attribute(CSYS_IFLA_XDP, attribute(CSYS_IFLA_XDP_ATTACHED, [1]))
      + attribute(
        CSYS_IFLA_LINKINFO,
        attribute(CSYS_IFLA_INFO_KIND, Array("bridge\0".utf8))
          + attribute(CSYS_IFLA_INFO_DATA, attribute(CSYS_IFLA_BR_NF_CALL_IPTABLES, [1])))
  }

  private static var address: [UInt8] {
    [2, 24] + zeros(CSYS_IFADDRMSG_SIZE - 2) + attribute(CSYS_IFA_LOCAL, [192, 0, 2, 1])
      + attribute(CSYS_IFA_ADDRESS, [192, 0, 2, 2])
  }

  private static var route: [UInt8] {
    zeros(7) + [1] + zeros(CSYS_RTMSG_SIZE - 8) + attribute(CSYS_RTA_OIF, [1, 0, 0, 0])
      + attribute(CSYS_RTA_METRICS, attribute(CSYS_RTAX_MTU, [0xdc, 5, 0, 0]))
  }

  private static var socket: [UInt8] {
    [10] + zeros(CSYS_INET_DIAG_MSG_SIZE - 1)
      + attribute(CSYS_INET_DIAG_LOCALS, [2, 0, 0, 22, 192, 0, 2, 1] + zeros(120))
      + attribute(CSYS_INET_DIAG_SKV6ONLY, [1])
  }

  private static var device: [UInt8] {
    let allowed =
      attribute(CSYS_WGALLOWEDIP_A_FAMILY, [2, 0]) + attribute(CSYS_WGALLOWEDIP_A_IPADDR, [10, 0, 0, 0])
      + attribute(CSYS_WGALLOWEDIP_A_CIDR_MASK, [8])
    let peer =
      attribute(CSYS_WGPEER_A_PUBLIC_KEY, zeros(32))
      + attribute(CSYS_WGPEER_A_ENDPOINT, [2, 0, 0, 53] + zeros(12))
      + attribute(CSYS_WGPEER_A_LAST_HANDSHAKE_TIME, zeros(16))
      + attribute(CSYS_WGPEER_A_ALLOWEDIPS, attribute(0, allowed))
    return attribute(CSYS_WGDEVICE_A_LISTEN_PORT, [0x6c, 0xca])
      + attribute(CSYS_WGDEVICE_A_PUBLIC_KEY, zeros(32))
      + attribute(CSYS_WGDEVICE_A_PEERS, attribute(0, peer))
  }

  private static var packet: [UInt8] {
    let headers: [UInt8] =
      [0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2, 0, 80, 1, 0] + zeros(16)
    return zeros(4) + attribute(CSYS_NFULA_PREFIX, Array("wgfence: drop\0".utf8))
      + attribute(CSYS_NFULA_PACKET_HDR, [8, 0, 1, 0]) + attribute(CSYS_NFULA_TIMESTAMP, zeros(16))
      + attribute(CSYS_NFULA_PAYLOAD, headers) + attribute(CSYS_NFULA_SEQ, zeros(4))
  }

  private static var request: [UInt8] {
    let policy = PolicyHandover(
      path: "/etc/wgfence/policy.yaml", machine: "host", lists: ["a", "b"], lengths: [100, 10, 0])
    let apply = policy.map {
      ControlRequest(.apply($0, .enforcing, TrialTime(seconds: 60)), deadline: 1).frame.bytes
    }
    return (apply ?? []) + ControlRequest(.status(.json)).frame.bytes
      + FirewallResult(text: "Done.\n", warnings: ["a"], operations: 1, generation: 2).frame.bytes
  }
}
