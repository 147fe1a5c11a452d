// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel
import PacketWalk
import Ruleset

/// Options of TCP: what the first packet of a connection is taken to have, and what a packet without options has not.
extension WalkCase {
  static let options: [WalkCase] = [
    WalkCase(
      testDescription: "the first packet of a connection is taken for one with an ordinary segment size",
      tables: [
        table(
          "ip look",
          """
          c { type filter hook input priority 0;
          tcp dport 80 tcp option maxseg size 1-535 drop
          tcp dport 81 tcp option maxseg missing drop
          tcp dport 82 tcp option maxseg size != 1460 drop
          tcp dport 83 tcp option md5sig exists drop
          tcp dport 84 tcp option maxseg size { 536-65535 } drop
          """)
      ],
      packets: [80, 81, 82, 83, 84].flatMap { (port: UInt16) in
        [nil, 1460].map { (size: UInt16?) in
          Sent(
            input: "eth0", transport: .tcp, source: "203.0.113.66", destination: "203.0.113.10",
            sourcePort: size == nil ? 4000 + port : 5000 + port, port: port, segmentSize: size,
            verdict: (size == nil ? port == 81 : port == 84) ? .drop : .accept)
        }
      }),
    WalkCase(
      testDescription: "iptables asks for a segment size or an option of the first packet of a connection",
      tables: [
        """
        *mangle
        -A PREROUTING -p tcp --dport 80 -m tcpmss --mss 1:535 -j DROP
        -A PREROUTING -p tcp --dport 81 -m tcpmss ! --mss 536:65535 -j DROP
        -A PREROUTING -p tcp --dport 82 --tcp-option 19 -j DROP
        -A PREROUTING -p tcp --dport 83 ! --tcp-option 2 -j DROP
        COMMIT

        """
      ],
      packets: [80, 81, 82, 83].flatMap { (port: UInt16) in
        [nil, 1460].map { (size: UInt16?) in
          Sent(
            input: "eth0", transport: .tcp, source: "203.0.113.66", destination: "203.0.113.10",
            sourcePort: size == nil ? 4000 + port : 5000 + port, port: port, segmentSize: size,
            verdict: size == nil && [81, 83].contains(port) ? .drop : .accept)
        }
      }),
    WalkCase(
      testDescription: "after a rule that writes a TCP option it is not known what its value is",
      tables: [
        """
        *mangle
        -A PREROUTING -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --set-mss 500
        -A INPUT -p tcp --dport 80 -m tcpmss --mss 1:535 -j DROP
        COMMIT

        """
      ],
      packets: [
        Sent(
          input: "eth0", transport: .tcp, source: "203.0.113.66", destination: "203.0.113.10",
          segmentSize: 1460, verdict: .undetermined)
      ]),
  ]
}
