// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import Ruleset

/// What the first packet of a connection is taken to have where it does not state it, so that rules that look for unusual
/// packets do not leave every verdict undetermined. The walk reports it as an assumption.
extension Packet {
  /// Whether it is the first packet of a connection.
  var isFirst: Bool { state == .new && flow == nil }

  /// Whether it is a first segment of TCP that asks for a connection.
  var opensConnection: Bool {
    isFirst && transport == .tcp && tcpFlags.contains(.syn) && !tcpFlags.contains(.ack)
  }

  /// The type of service or the traffic class, if it is not stated: that of packets whose program asks for none.
  var ordinaryTrafficClass: UInt8? { isFirst && trafficClass == nil ? 0 : nil }

  /// Bytes from the network header on, if they are not stated: a segment of TCP with the 20 bytes of options that Linux sends.
  var ordinaryLength: UInt16? {
    opensConnection && length == nil ? (family == .ipv4 ? 60 : 80) : nil
  }
}

extension HeaderBytes {
  /// Whether they may be of the type of service or traffic class, or of the length, in the headers of both families.
  var mayBeAssumed: Bool { base == NFT.payloadNetwork && offset < 6 }
}

/// What a rule assumed about the value that it loaded last.
struct LoadAssumption: Sendable {
  /// In words; nil if it assumed nothing.
  var text: String?
  /// Whether a condition on the value was fulfilled: then it is no reason for the rule not to match, unless another condition
  /// on the same value follows.
  var isFulfilled = false
}

extension WalkRun {
  /// The assumption on which bytes of a header depend; nil if there is none.
  func assumption(_ bytes: HeaderBytes) -> String? {
    guard bytes.mayBeAssumed else { return nil }
    let isIPv4 = packet.family == .ipv4
    let (classBytes, lengthBytes) = isIPv4 ? (1..<2, 2..<4) : (0..<2, 4..<6)
    let asked = bytes.offset..<bytes.end
    return asked.overlaps(classBytes)
      ? trafficClassAssumption : asked.overlaps(lengthBytes) ? lengthAssumption : nil
  }

  /// The assumption on which a property that `meta` loads depends; nil if there is none.
  func assumption(_ key: MetaKey?) -> String? {
    switch key {
    case .length: lengthAssumption
    case .time, .day, .hour: timeAssumption
    default: nil
    }
  }

  /// The assumption on which a match depends; nil if there is none. That about an option of TCP is not one of these.
  func assumption(_ match: XtablesMatch) -> String? {
    switch match {
    case .trafficClass: trafficClassAssumption
    case .length: lengthAssumption
    case .time: timeAssumption
    default: nil
    }
  }

  private var trafficClassAssumption: String? {
    hasWrittenTrafficClass ? nil : sent.ordinaryTrafficClass.map { _ in "with DSCP 0" }
  }

  private var lengthAssumption: String? { sent.ordinaryLength.map { "with a length of \($0) bytes" } }
  private var timeAssumption: String? { packet.time.map { _ in "at the present time" } }
}
