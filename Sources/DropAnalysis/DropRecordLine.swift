// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel

/// A record as a line of the stored log: fields separated by tabs, `-` for none, and a check sum of the rest. Lines are
/// read as untrusted input.
public enum DropRecordLine {
  /// The first field: the version of the format.
  private static let version = "d1"
  /// The longest line that is read, in bytes.
  private static let mostBytes = 1024
  private static let fieldCount = 17
  /// The last moment of the year 9999, in microseconds since 1970.
  private static let latest: Int64 = 253_402_300_799_999_999

  /// The line, ended by a line feed.
  public static func text(_ record: DropRecord) -> String {
    let key = record.key
    func optional(_ value: (some CustomStringConvertible)?) -> String { value.map { clean("\($0)") } ?? "-" }
    let fields = [
      version, String(record.first), String(record.last), String(record.count), key.scope.rawValue,
      key.direction.rawValue, clean(key.prefix), clean(key.zone), clean(key.place), optional(key.input),
      optional(key.output), optional(key.source), optional(key.destination),
      optional(key.transport?.number), optional(key.port), optional(key.icmpType),
    ]
    let body = fields.joined(separator: "\t")
    return "\(body)\t\(checkSum(body.utf8))\n"
  }

  /// The record of a line without its line feed; nil if it is damaged.
  public static func record(_ line: some Collection<UInt8>) -> DropRecord? {
    guard line.count <= mostBytes, let text = String(validating: line, as: UTF8.self) else { return nil }
    let fields = text.split(separator: "\t", omittingEmptySubsequences: false)
    guard fields.count == fieldCount, fields[0] == version,
      fields[16] == checkSum(text.utf8.dropLast(fields[16].utf8.count + 1)),
      let first = Int64(fields[1]), let last = Int64(fields[2]), let count = UInt64(fields[3]),
      (0...latest).contains(first), (first...latest).contains(last), count > 0,
      let scope = DropKey.Scope(rawValue: String(fields[4])),
      let direction = DropKey.Direction(rawValue: String(fields[5]))
    else { return nil }
    var key = DropKey(
      prefix: String(fields[6]), zone: String(fields[7]), place: String(fields[8]), direction: direction)
    key.scope = scope
    // A field that is there must be readable.
    func read<Value>(_ index: Int, _ parse: (String) -> Value?) -> Value?? {
      fields[index] == "-" ? .some(nil) : parse(String(fields[index])).map { .some($0) }
    }
    guard let input = read(9, { InterfaceName($0) }), let output = read(10, { InterfaceName($0) }),
      let source = read(11, { IPAddress($0) }), let destination = read(12, { IPAddress($0) }),
      let transport = read(13, { UInt8($0) }), let port = read(14, { UInt16($0) }),
      let icmpType = read(15, { UInt8($0) })
    else { return nil }
    (key.input, key.output, key.source, key.destination) = (input, output, source, destination)
    (key.transport, key.port, key.icmpType) = (transport.map { IPProtocol(number: $0) }, port, icmpType)
    return DropRecord(key, first: first, last: last, count: count)
  }

  /// A value without the separators, and not so long that its line could not be read.
  private static func clean(_ text: String) -> String {
    let scalars = text.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7f ? "?" : $0 }
    var result = ""
    for scalar in scalars where result.utf8.count < 160 { result.unicodeScalars.append(scalar) }
    return result.isEmpty ? "?" : result
  }

  /// FNV-1a, 32 bits: it finds damage, and protects against nothing else.
  private static func checkSum(_ bytes: some Sequence<UInt8>) -> String {
    var sum: UInt32 = 0x811c_9dc5
    for byte in bytes { sum = (sum ^ UInt32(byte)) &* 0x0100_0193 }
    return String(sum, radix: 16)
  }
}

/// What was read of a stored log.
public struct DropRecords: Sendable {
  /// The records, the oldest first.
  public private(set) var records: [DropRecord] = []
  /// The lines that could not be read.
  public private(set) var damaged = 0

  /// No records.
  public init() {}

  /// Reads the content of a file.
  public mutating func read(_ bytes: [UInt8]) {
    for line in bytes.split(separator: UInt8(ascii: "\n")) {
      if let record = DropRecordLine.record(line) { records.append(record) } else { damaged += 1 }
    }
    records.sort { ($0.last, $0.first) < ($1.last, $1.first) }
  }

  /// The records whose last packet came at this time or later, in microseconds since 1970.
  public func since(_ time: Int64) -> [DropRecord] { records.filter { $0.last >= time } }
}
