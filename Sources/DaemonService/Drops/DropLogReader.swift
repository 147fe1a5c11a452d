// SPDX-License-Identifier: GPL-3.0-or-later

public import Netlink
public import PolicyAnalysis
internal import PacketWalk

/// Reads the kernel's log of dropped packets, and reports them with the names of the policy.
public struct DropLogReader: ~Copyable {
  private var log: PacketLog
  private var reporter: DropReporter

  /// A reader of a log. `use` changes the policy later.
  public init(_ log: consuming PacketLog, reporter: DropReporter) {
    self.log = log
    self.reporter = reporter
  }

  /// The descriptor to poll for reading.
  public var descriptor: Int32 { log.descriptor }

  /// Lines that the kernel could not deliver.
  public var lost: UInt64 { log.lost }

  /// Reports from now on with the names of another policy: the one whose ruleset is loaded.
  public mutating func use(_ reporter: DropReporter) { self.reporter = reporter }

  /// What was dropped since the last call, without waiting.
  public mutating func read() throws(NetlinkError) -> [DropReport] {
    var packets: [DroppedPacket] = []
    try log.drain { packets.append($0) }
    return packets.map { reporter.report($0) }
  }
}
