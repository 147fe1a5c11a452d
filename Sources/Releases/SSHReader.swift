// SPDX-License-Identifier: GPL-3.0-or-later

/// Reads the data types of SSH (RFC 4251, section 5): numbers in network byte order, and strings with a length of 4 bytes.
struct SSHReader {
  private var rest: ArraySlice<UInt8>

  init(_ bytes: [UInt8]) { rest = bytes[...] }

  /// Whether everything was read.
  var isAtEnd: Bool { rest.isEmpty }

  /// Reads one byte.
  mutating func byte() throws(SSHFormatError) -> UInt8 {
    guard let byte = rest.popFirst() else { throw .truncated }
    return byte
  }

  /// Reads a number of 4 bytes.
  mutating func uint32() throws(SSHFormatError) -> UInt32 {
    try take(4).reduce(0) { $0 << 8 | UInt32($1) }
  }

  /// Reads a number of bytes.
  mutating func take(_ count: Int) throws(SSHFormatError) -> ArraySlice<UInt8> {
    guard count <= rest.count else { throw .truncated }
    defer { rest = rest.dropFirst(count) }
    return rest.prefix(count)
  }

  /// Reads a string.
  mutating func string() throws(SSHFormatError) -> [UInt8] { Array(try take(Int(try uint32()))) }

  /// Reads a string of C. Like OpenSSH, it takes one zero byte at the end and nowhere else, and leaves it out.
  mutating func cString() throws(SSHFormatError) -> [UInt8] {
    var bytes = try string()
    if bytes.last == 0 { bytes.removeLast() }
    guard !bytes.contains(0) else { throw .zeroByte }
    return bytes
  }

  /// Throws if bytes are left.
  func end() throws(SSHFormatError) {
    guard isAtEnd else { throw .trailingBytes }
  }
}

/// Writes the data types of SSH.
struct SSHWriter {
  private(set) var bytes: [UInt8] = []

  /// Appends bytes without a length.
  mutating func put(_ more: some Sequence<UInt8>) { bytes += more }

  /// Appends a number of 4 bytes.
  mutating func put(_ number: UInt32) {
    bytes += (0..<4).map { UInt8(truncatingIfNeeded: number >> (24 - 8 * UInt32($0))) }
  }

  /// Appends a string.
  mutating func string(_ value: some Collection<UInt8>) {
    put(UInt32(value.count))
    put(value)
  }
}

/// Why bytes are no key or signature of SSH.
public enum SSHFormatError: Error, Sendable, Hashable, CustomStringConvertible {
  /// The signature is longer than `SSHSignature.limit`.
  case tooLong
  /// The first line is not that of a signature.
  case noHeader
  /// No line ends the signature.
  case noFooter
  /// It is not base64.
  case notBase64
  /// It does not begin with `SSHSIG`.
  case noPreamble
  /// The version of the format is newer than 1.
  case version(UInt32)
  /// A value is longer than what is left.
  case truncated
  /// Something follows the last value.
  case trailingBytes
  /// A zero byte inside a text.
  case zeroByte
  /// The type of the key is neither `ssh-ed25519` nor `sk-ssh-ed25519@openssh.com`.
  case keyType(String)
  /// The key has not 32 bytes.
  case keySize
  /// The signature's type is not that of its key.
  case signatureType
  /// The hash function is neither `sha256` nor `sha512`.
  case hash(String)

  /// One clause.
  public var description: String {
    switch self {
    case .tooLong: "it is longer than \(SSHSignature.limit >> 10) KiB"
    case .noHeader: "its first line is not '\(SSHSignature.header)'"
    case .noFooter: "no line '\(SSHSignature.footer)' ends it"
    case .notBase64: "it is not base64"
    case .noPreamble: "it does not begin with SSHSIG"
    case .version(let number): "its format has version \(number), and only 1 is known"
    case .truncated: "it ends too early"
    case .trailingBytes: "something follows its end"
    case .zeroByte: "it has a zero byte inside a text"
    case .keyType(let type): "the type of its key is '\(type)', and only ed25519 and ed25519-sk are accepted"
    case .keySize: "its key has not \(SSHKey.size) bytes"
    case .signatureType: "the type of the signature is not that of its key"
    case .hash(let name): "its hash function is '\(name)', and only sha256 and sha512 are accepted"
    }
  }
}
