// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel

/// What goes over the daemon's socket: frames of a kind and a payload.
///
/// A frame is the length of its payload in 4 bytes, in network order, a byte for its kind, and the payload. A client
/// sends one request, with one file in memory attached to its first byte where it hands anything over; the daemon answers
/// with frames and ends with an exit status.
public struct ControlFrame: Sendable, Hashable {
  /// What a frame is.
  public enum Kind: UInt8, Sendable {
    /// A request: `ControlRequest`.
    case request = 0x51  // Q
    /// Text for standard output.
    case output = 0x4f  // O
    /// Text for standard error.
    case note = 0x45  // E
    /// What came of it, as `key=value` lines.
    case result = 0x52  // R
    /// The exit status, one byte: the last frame.
    case exit = 0x58  // X
  }

  /// What it is.
  public let kind: Kind
  /// What it says.
  public let payload: [UInt8]

  /// Bytes of the length and the kind.
  public static let headerSize = 5
  /// The longest payload of a request.
  public static let requestLimit = 256 << 10
  /// The longest payload of an answer.
  public static let answerLimit = 16 << 20

  /// A frame of these parts.
  public init(_ kind: Kind, _ payload: [UInt8]) {
    self.kind = kind
    self.payload = payload
  }

  /// A frame of text for people.
  public init(_ kind: Kind, text: PrintableText) { self.init(kind, Array(text.description.utf8)) }

  /// A frame of text for programs: a JSON document, or `key=value` lines.
  public init(_ kind: Kind, document: String) { self.init(kind, Array(document.utf8)) }

  /// Its bytes.
  public var bytes: [UInt8] {
    let length = UInt32(payload.count)
    return (0..<4).map { UInt8(truncatingIfNeeded: length >> (24 - 8 * UInt32($0))) } + [kind.rawValue]
      + payload
  }

  /// What some received bytes are.
  public enum Parsed: Sendable, Hashable {
    /// A frame, and how many bytes it took.
    case frame(ControlFrame, length: Int)
    /// More is to come.
    case incomplete
    /// No frame, or one that is too long.
    case malformed
  }

  /// Reads the first frame of received bytes, whose payload may have so many bytes at most.
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

/// What is asked of the daemon: a verb and its arguments, as `key=value` lines.
public struct ControlRequest: Sendable, Hashable {
  /// The version of the protocol. The daemon refuses others: the program was renewed and the daemon was not.
  public static let version = "2"

  private var lines = LabelledLines()

  /// A request of a verb.
  public init(_ verb: String) {
    lines["version"] = Self.version
    lines["verb"] = verb
  }

  /// Reads a payload.
  public init(payload: [UInt8]) { lines = LabelledLines(Substring(decoding: payload, as: UTF8.self)) }

  /// An argument.
  public subscript(key: String) -> String? {
    get { lines[key] }
    set { lines[key] = newValue }
  }

  /// An argument that is a number.
  public func number(_ key: String) -> Int64? { lines[number: key] }

  /// The verb.
  public var verb: String { lines["verb"] ?? "" }

  /// Until when it may be carried out: nanoseconds since boot, by `CLOCK_BOOTTIME`, which client and daemon share. Its
  /// client waits somewhat longer, and reports a failure afterwards.
  public var deadline: Int64? {
    get { lines[number: "deadline"] }
    set { lines["deadline"] = newValue.map { String($0) } }
  }

  /// Whether it can change what is in force. Verbs that are not known can.
  public var isChange: Bool { !["status", "log"].contains(verb) }

  /// Why it may not be carried out at a moment (nanoseconds since boot); nil where it may. A request that waited too
  /// long for a daemon that was stopped or busy must not take effect after its client has said that it failed. One
  /// without a deadline may be carried out as long as its client is connected.
  public func expiry(at now: Int64) -> Refusal? {
    guard isChange, let text = lines["deadline"] else { return nil }
    guard let deadline = Int64(text) else {
      return Refusal("the request's deadline is no number: nothing was changed")
    }
    guard deadline < now else { return nil }
    return Refusal("the request came \((now - deadline) / 1_000_000_000) s too late: nothing was changed")
  }

  /// The frame to be sent.
  public var frame: ControlFrame { ControlFrame(.request, document: lines.text) }
}

/// What came of a request, as `key=value` lines.
public struct ControlResult: Sendable, Hashable {
  private var lines = LabelledLines()

  /// Nothing is said yet.
  public init() {}

  /// Reads a payload.
  public init(payload: [UInt8]) { lines = LabelledLines(Substring(decoding: payload, as: UTF8.self)) }

  /// A value.
  public subscript(key: String) -> String? {
    get { lines[key] }
    set { lines[key] = newValue }
  }

  /// The frame to be sent.
  public var frame: ControlFrame { ControlFrame(.result, document: lines.text) }
}
