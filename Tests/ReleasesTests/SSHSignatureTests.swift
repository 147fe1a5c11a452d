// SPDX-License-Identifier: GPL-3.0-or-later

import Glibc
import ReleaseTestSupport
import Releases
import TestSupport
import Testing

@Suite("Signatures of ssh-keygen")
struct SSHSignatureTests {
  static let namespace = ReleaseCheck.releaseNamespace
  static let message = Array("wgfence release 1\nserial 1\n".utf8)

  /// A folder in which ssh-keygen works. It is deleted with its content.
  final class Bench {
    let path: String

    init() throws {
      var template = Array("/tmp/wgfence-XXXXXX".utf8CString)
      path = String(cString: try #require(mkdtemp(&template)))
    }

    deinit { _ = try? run(["rm", "-rf", path]) }

    func write(_ bytes: [UInt8], _ name: String) throws {
      let file = open("\(path)/\(name)", O_WRONLY | O_CREAT | O_TRUNC, 0o600)
      defer { close(file) }
      var rest = bytes[...]
      while !rest.isEmpty {
        let count = rest.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
        try #require(count > 0)
        rest = rest.dropFirst(count)
      }
    }

    func read(_ name: String) throws -> [UInt8] {
      let file = open("\(path)/\(name)", O_RDONLY)
      defer { close(file) }
      var bytes = [UInt8](repeating: 0, count: 1 << 16)
      let count = Glibc.read(file, &bytes, bytes.count)
      try #require(count >= 0)
      return Array(bytes.prefix(count))
    }

    /// Allows keys to sign, for `accepts`.
    func allow(_ keys: [SSHKey]) throws {
      try write(Array(keys.map { "me \($0.line)\n" }.joined().utf8), "allowed")
    }

    /// The verdict of `ssh-keygen -Y verify`.
    func accepts(
      _ signature: [UInt8], of message: String, for namespace: String = SSHSignatureTests.namespace
    ) throws
      -> Bool
    {
      try write(signature, "signature")
      return try run(
        [
          "ssh-keygen", "-Y", "verify", "-f", "\(path)/allowed", "-I", "me", "-n", namespace, "-s",
          "\(path)/signature",
        ], input: message
      ).status == 0
    }
  }

  /// The verdict of this program, for a signature by one of some keys.
  static func accepts(_ signature: [UInt8], of message: [UInt8], by keys: [SSHKey]) -> Bool {
    guard let signature = try? SSHSignature(armoured: signature), keys.contains(signature.key) else {
      return false
    }
    return signature.isValid(of: message, for: namespace)
  }

  @Test(
    "a signature of ssh-keygen is valid for its text, its namespace and its key alone",
    arguments: ["sha512", "sha256"])
  func genuine(hash: String) throws {
    let bench = try Bench()
    #expect(
      try run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "anna of ops", "-f", "\(bench.path)/key"])
        .status == 0)
    try bench.write(Self.message, "text")
    let signing = try run([
      "ssh-keygen", "-Y", "sign", "-f", "\(bench.path)/key", "-n", Self.namespace, "-O", "hashalg=\(hash)",
      "\(bench.path)/text",
    ])
    #expect(signing.status == 0)
    let line = String(decoding: try bench.read("key.pub").dropLast(), as: UTF8.self)
    let key = try NamedKey(line: line)
    #expect(key.name == "anna of ops")
    #expect(key.line == line)
    let listed = try run(["ssh-keygen", "-l", "-f", "\(bench.path)/key.pub"]).output
    #expect(listed.split(separator: " ")[1] == key.key.fingerprint)
    let signature = try SSHSignature(armoured: try bench.read("text.sig"))
    #expect(signature.key == key.key)
    #expect(signature.hash.rawValue == hash)
    #expect(signature.token == nil)
    #expect(signature.isValid(of: Self.message, for: Self.namespace))
    #expect(!signature.isValid(of: Self.message + [0x20], for: Self.namespace))
    #expect(!signature.isValid(of: Self.message, for: "wgfence-trust"))
    #expect(!signature.isValid(of: Self.message, for: "git"))
  }

  @Test("a signature of a FIDO token is valid with the flags and the counter that it signed")
  func token() throws {
    let bench = try Bench()
    let signer = Signer(3, application: "ssh:")
    try bench.allow([try signer.key])
    let text = String(decoding: Self.message, as: UTF8.self)
    for (flags, counter) in [(UInt8(1), 7), (0, 0), (5, 0xffff_ffff)] {
      var parts = signer.parts(Self.message, Self.namespace, flags: flags, counter: counter)
      let signature = try SSHSignature(armoured: parts.armoured)
      #expect(signature.isValid(of: Self.message, for: Self.namespace))
      #expect(signature.token?.flags == flags)
      #expect(signature.token.map { Int($0.counter) } == counter)
      #expect(signature.token?.isTouched == (flags & 1 == 1))
      #expect(try bench.accepts(parts.armoured, of: text))
      parts.extra[0] ^= 4
      #expect(!Self.accepts(parts.armoured, of: Self.message, by: [try signer.key]))
      #expect(try !bench.accepts(parts.armoured, of: text))
    }
  }

  /// Each form that only some programs take, and whether ssh-keygen takes it.
  static let forms: [(String, @Sendable (inout Signer.Parts) -> Void, Bool)] = [
    ("unchanged", { _ in }, true),
    ("a reserved value, which is not signed", { $0.reserved = [1, 2, 3] }, true),
    ("a zero byte at the end of the namespace", { $0.namespace.append(0) }, true),
    ("two zero bytes at the end of the namespace", { $0.namespace += [0, 0] }, false),
    ("a zero byte inside the namespace", { $0.namespace.insert(0, at: 3) }, false),
    ("a zero byte at the end of the hash", { $0.hash.append(0) }, true),
    ("version 0", { $0.version = 0 }, true),
    ("version 2", { $0.version = 2 }, false),
    ("bytes at the end", { $0.tail = [0] }, false),
    ("bytes after the signature", { $0.extra.append(0) }, false),
    ("bytes after the key", { $0.key.append(0) }, false),
    ("another hash", { $0.hash = Array("sha256".utf8) }, false),
    ("an unknown hash", { $0.hash = Array("md5".utf8) }, false),
    ("the hash in capitals", { $0.hash = Array("SHA512".utf8) }, false),
    ("another type of signature", { $0.type = Array("ssh-ed448".utf8) }, false),
    ("a short signature", { $0.signature.removeLast() }, false),
    ("a long signature", { $0.signature.append(0) }, false),
    ("no signature", { $0.signature = [] }, false),
    ("another preamble", { $0.preamble = Array("SSHSIH".utf8) }, false),
    ("an empty namespace", { $0.namespace = [] }, false),
  ]

  @Test("unusual forms are judged as ssh-keygen judges them", arguments: [nil, "ssh:", ""])
  func forms(application: String?) throws {
    let bench = try Bench()
    let signer = Signer(9, application: application)
    try bench.allow([try signer.key])
    for (name, change, isValid) in Self.forms {
      var parts = signer.parts(Self.message, Self.namespace)
      change(&parts)
      let verdict = try bench.accepts(parts.armoured, of: String(decoding: Self.message, as: UTF8.self))
      #expect(verdict == isValid, "ssh-keygen: \(name)")
      #expect(Self.accepts(parts.armoured, of: Self.message, by: [try signer.key]) == isValid, "\(name)")
    }
  }

  @Test(
    "what ssh-keygen takes and this program does not is known: an S that is not reduced, a short name of the type, a long text"
  )
  func refusesMore() throws {
    let bench = try Bench()
    let signer = Signer(11)
    try bench.allow([try signer.key])
    let text = String(decoding: Self.message, as: UTF8.self)
    // The group's order L (RFC 8032, section 5.1), little endian.
    let order: [UInt8] =
      [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
      ] + [UInt8](repeating: 0, count: 15) + [0x10]
    var parts = signer.parts(Self.message, Self.namespace)
    var carry = 0
    for place in 0..<32 {
      let sum = Int(parts.signature[32 + place]) + Int(order[place]) + carry
      (parts.signature[32 + place], carry) = (UInt8(truncatingIfNeeded: sum), sum >> 8)
    }
    #expect(!Self.accepts(parts.armoured, of: Self.message, by: [try signer.key]))
    var short = signer.parts(Self.message, Self.namespace)
    short.key = Signer.string(Array("ED25519".utf8)) + Signer.string(signer.point)
    #expect(throws: SSHFormatError.keyType("ED25519")) { try SSHSignature(armoured: short.armoured) }
    let long = signer.sign(Self.message) + [UInt8](repeating: 0x0a, count: SSHSignature.limit)
    #expect(throws: SSHFormatError.tooLong) { try SSHSignature(armoured: long) }
    // This one, every version of ssh-keygen accepts: it says that the three are real differences.
    #expect(try bench.accepts(long, of: text))
  }

  /// Changes a signature at random.
  static func mutate(_ parts: Signer.Parts, _ generator: inout SeededGenerator) -> [UInt8] {
    var (parts, text) = (parts, parts.armoured)
    func place(_ bytes: [UInt8]) -> Int { generator.number(0...(bytes.count - 1)) }
    switch generator.number(0...12) {
    case 0: return text
    case 1, 2:
      // One bit of what is encoded.
      var blob = parts.blob
      blob[place(blob)] ^= 1 << UInt8(generator.number(0...7))
      return Signer.armoured(blob)
    case 3:
      text[place(text)] ^= 1 << UInt8(generator.number(0...7))
    case 4: text.remove(at: place(text))
    case 5: text.insert(UInt8(generator.number(0...255)), at: place(text))
    case 6:
      text.insert(generator.one(of: [0x20, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x3d, 0x2d, 0]), at: place(text))
    case 7: text.removeSubrange(place(text)...)
    case 8:
      let (first, second) = (place(text), place(text))
      text.swapAt(first, second)
    case 9:
      var blob = parts.blob
      blob.removeSubrange(place(blob)..<blob.count)
      return Signer.armoured(blob)
    case 10:
      let first = place(text)
      let last = min(text.count, first + generator.number(1...80))
      text.insert(contentsOf: text[first..<last], at: place(text))
    case 11:
      switch generator.number(0...6) {
      case 0: parts.reserved = generator.bytes(generator.number(0...40))
      case 1: parts.signature = generator.bytes(64)
      case 2: parts.namespace = Array("wgfence-trust".utf8)
      case 3: parts.version = generator.number(0...3)
      case 4: parts.extra = generator.bytes(generator.number(0...6))
      case 5: parts.key = Signer(UInt8(generator.number(0...255))).blob
      default: parts.tail = generator.bytes(generator.number(0...4))
      }
      return parts.armoured
    default:
      for _ in 0..<generator.number(1...4) { text[place(text)] = UInt8(generator.number(0...255)) }
    }
    return text
  }

  /// As many as WGFENCE_SIGNATURES says; `make proof` says 10,000.
  private static var mutations: Int {
    getenv("WGFENCE_SIGNATURES").flatMap { Int(String(cString: $0)) } ?? 600
  }

  @Test("mutated signatures are judged as ssh-keygen judges them")
  func mutated() throws {
    let bench = try Bench()
    var generator = SeededGenerator(seed: 20_26)
    let signers = [Signer(1), Signer(2, application: "ssh:")]
    let keys = try signers.map { try $0.key }
    try bench.allow(keys)
    let text = String(decoding: Self.message, as: UTF8.self)
    var (valid, invalid) = (0, 0)
    for number in 0..<Self.mutations {
      let hash = generator.oneIn(3) ? "sha256" : "sha512"
      let parts = generator.one(of: signers).parts(Self.message, Self.namespace, hash: hash)
      let signature = Self.mutate(parts, &generator)
      let own = Self.accepts(signature, of: Self.message, by: keys)
      let other = try bench.accepts(signature, of: text)
      #expect(own == other, "number \(number): ssh-keygen \(other ? "accepts" : "refuses") \(signature)")
      if other { valid += 1 } else { invalid += 1 }
    }
    // Both verdicts are met often, so that neither program can say the same of all.
    #expect(valid * 20 > Self.mutations)
    #expect(invalid * 3 > Self.mutations)
  }
}
