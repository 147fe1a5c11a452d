// SPDX-License-Identifier: GPL-3.0-or-later

package import DropAnalysis
package import Netlink
internal import Ruleset

/// Reads the kernel's log of dropped packets, and reports them with the names of the policy.
package struct DropLogReader: ~Copyable {
  private var log: PacketLog
  /// Reports with the names of the policy whose ruleset is loaded.
  package var reporter: DropReporter

  /// A reader of a log.
  package init(_ log: consuming PacketLog, reporter: DropReporter) {
    self.log = log
    self.reporter = reporter
  }

  /// The descriptor to poll for reading.
  package var descriptor: Int32 { log.descriptor }

  /// Lines that the kernel could not deliver.
  package var lost: UInt64 { log.lost }

  /// What was dropped since the last call, without waiting.
  package mutating func read() throws(NetlinkError) -> [DropRecord] {
    var packets: [DroppedPacket] = []
    try log.drain { packets.append($0) }
    return packets.map { reporter.record($0) }
  }
}
