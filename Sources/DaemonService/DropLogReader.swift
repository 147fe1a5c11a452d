// SPDX-License-Identifier: GPL-3.0-or-later

public import Netlink
public import PolicyAnalysis
internal import PacketWalk

/// The kernel's log of dropped packets in the policy's words.
public struct DropLogReader: ~Copyable {
  private var log: PacketLog
  private var reporter: DropReporter

  /// A reader of a log; the policy may be another later.
  public init(_ log: consuming PacketLog, reporter: DropReporter) {
    self.log = log
    self.reporter = reporter
  }

  /// To wait on until it is readable.
  public var descriptor: Int32 { log.descriptor }

  /// Lines that the kernel could not deliver.
  public var lost: UInt64 { log.lost }

  /// Tells from now on in the words of another policy: the one whose ruleset is loaded.
  public mutating func use(_ reporter: DropReporter) { self.reporter = reporter }

  /// What was dropped since the last call, without waiting.
  public mutating func read() throws(NetlinkError) -> [DropReport] {
    var packets: [DroppedPacket] = []
    try log.drain { packets.append($0) }
    return packets.map { reporter.report($0) }
  }
}
