// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel

/// A message on the daemon's control socket: a kind and a payload.
///
/// On the wire: the length of the payload (4 bytes, network byte order), one byte for the kind, the payload.
/// A client sends one request. If it passes data to the daemon, one memory file is attached to the first byte
/// of the request. The daemon answers with frames; the last one is the exit status.
public struct ControlFrame: Sendable, Hashable {
  /// The kind of a frame.
  public enum Kind: UInt8, Sendable {
    /// A request: `ControlRequest`.
    case request = 0x51  // Q
    /// Text for standard output.
    case output = 0x4f  // O
    /// Text for standard error.
    case note = 0x45  // E
    /// Results, as `key=value` lines.
    case result = 0x52  // R
    /// The exit status, one byte: the last frame.
    case exit = 0x58  // X
  }

  /// The kind.
  public let kind: Kind
  /// The payload.
  public let payload: [UInt8]

  /// The size of the length and the kind, in bytes.
  public static let headerSize = 5
  /// The maximum size of a request's payload, in bytes.
  public static let requestLimit = 256 << 10
  /// The maximum size of an answer's payload, in bytes.
  public static let answerLimit = 16 << 20

  /// Creates a frame from its parts.
  public init(_ kind: Kind, _ payload: [UInt8]) {
    self.kind = kind
    self.payload = payload
  }

  /// Creates a frame with text for people.
  public init(_ kind: Kind, text: PrintableText) { self.init(kind, Array(text.description.utf8)) }

  /// Creates a frame with text for programs: a JSON document, or `key=value` lines.
  public init(_ kind: Kind, document: String) { self.init(kind, Array(document.utf8)) }

  /// The bytes on the wire.
  public var bytes: [UInt8] {
    let length = UInt32(payload.count)
    return (0..<4).map { UInt8(truncatingIfNeeded: length >> (24 - 8 * UInt32($0))) } + [kind.rawValue]
      + payload
  }

  /// The result of parsing received bytes.
  public enum Parsed: Sendable, Hashable {
    /// A frame, and its size in bytes.
    case frame(ControlFrame, length: Int)
    /// The frame is not complete yet.
    case incomplete
    /// Not a frame, or a frame whose payload is larger than the limit.
    case malformed
  }

  /// Parses the first frame of received bytes. `limit` is the maximum size of its payload, in bytes.
  public static func parse(_ bytes: ArraySlice<UInt8>, limit: Int) -> Parsed {
    guard bytes.count >= headerSize else { return .incomplete }
    let start = bytes.startIndex
    let length = bytes.prefix(4).reduce(0) { $0 << 8 | Int($1) }
    guard let kind = Kind(rawValue: bytes[start + 4]), length <= limit else { return .malformed }
    guard bytes.count >= headerSize + length else { return .incomplete }
    let payload = Array(bytes[(start + headerSize)..<(start + headerSize + length)])
    return .frame(ControlFrame(kind, payload), length: headerSize + length)
  }
}

/// A request to the daemon: a verb and its arguments, as `key=value` lines.
public struct ControlRequest: Sendable, Hashable {
  /// The version of the protocol. The daemon refuses requests of another version: they come from a program
  /// that was upgraded while the daemon was not restarted.
  public static let version = "2"

  private var lines = LabelledLines()

  /// Creates a request without arguments.
  public init(_ verb: String) {
    lines["version"] = Self.version
    lines["verb"] = verb
  }

  /// Parses a payload.
  public init(payload: [UInt8]) { lines = LabelledLines(Substring(decoding: payload, as: UTF8.self)) }

  /// The value of an argument; nil if it is missing.
  public subscript(key: String) -> String? {
    get { lines[key] }
    set { lines[key] = newValue }
  }

  /// The value of an argument as a number; nil if it is missing or is not a number.
  public func number(_ key: String) -> Int64? { lines[number: key] }

  /// The verb.
  public var verb: String { lines["verb"] ?? "" }

  /// The time until which the daemon may carry out the request: nanoseconds since boot (`CLOCK_BOOTTIME`, the
  /// same clock for client and daemon). The client waits somewhat longer, and then reports a failure.
  public var deadline: Int64? {
    get { lines[number: "deadline"] }
    set { lines["deadline"] = newValue.map { String($0) } }
  }

  /// Whether the request can change what is in force. Verbs that are not known count as changes.
  public var isChange: Bool { !["status", "log"].contains(verb) }

  /// The reason why the request must not be carried out at `now` (nanoseconds since boot); nil if it may be.
  /// A request that waited too long for a daemon that was stopped or busy must not take effect after its
  /// client has reported a failure. A request without a deadline may be carried out as long as its client is
  /// connected.
  public func expiry(at now: Int64) -> Refusal? {
    guard isChange, let text = lines["deadline"] else { return nil }
    guard let deadline = Int64(text) else {
      return Refusal("the request's deadline is not a number: nothing was changed")
    }
    guard deadline < now else { return nil }
    let late = (now - deadline) / 1_000_000_000
    return Refusal("the request's deadline passed \(late) s ago: nothing was changed")
  }

  /// The frame to send.
  public var frame: ControlFrame { ControlFrame(.request, document: lines.text) }
}

/// The results of a request, as `key=value` lines.
public struct ControlResult: Sendable, Hashable {
  private var lines = LabelledLines()

  /// Creates empty results.
  public init() {}

  /// Parses a payload.
  public init(payload: [UInt8]) { lines = LabelledLines(Substring(decoding: payload, as: UTF8.self)) }

  /// The value of a key.
  public subscript(key: String) -> String? {
    get { lines[key] }
    set { lines[key] = newValue }
  }

  /// The frame to send.
  public var frame: ControlFrame { ControlFrame(.result, document: lines.text) }
}
