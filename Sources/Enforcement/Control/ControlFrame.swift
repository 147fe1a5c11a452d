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
