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
