// SPDX-License-Identifier: GPL-3.0-or-later

/// How far a machine has come: the release that it took last, and the trust file that it took with it. It never goes back.
///
///     wgfence ratchet 1
///     check SHA-256                             of everything after this line
///     epoch 1
///     serial 42
///     release SHA-256                           of the statement; none: no release was taken yet
///     trust LENGTH                              of the trust file that follows; 0: the one of the fleet's first file
///     (the trust file)
public struct Ratchet: Sendable, Hashable {
  /// The epoch of the release.
  public let epoch: UInt64
  /// Its serial. Without a release: the highest one that is refused.
  public let serial: UInt64
  /// The digest of its statement; nil: no release was taken yet.
  public let release: ContentDigest?
  /// The newest trust file that the machine took; nil: the first one.
  public let trust: TrustFile?

  /// A ratchet of these parts.
  public init(epoch: UInt64, serial: UInt64, release: ContentDigest?, trust: TrustFile?) {
    (self.epoch, self.serial, self.release, self.trust) = (epoch, serial, release, trust)
  }

  private static let first = "wgfence ratchet 1"
  /// The longest file, in bytes.
  public static let limit = TrustFile.limit + 1024

  /// Parses a file.
  public init(_ bytes: [UInt8]) throws(ReleaseTextError) {
    var lines = try ReleaseLines(bytes, .ratchet, first: Self.first, limit: Self.limit)
    let check = try lines.require("check")
    let digest = try check.digest()
    let head = "\(Self.first)\ncheck \(digest)\n".utf8.count
    guard ContentDigest(of: Array(bytes.dropFirst(head))) == digest else {
      throw check.error("the file is damaged")
    }
    epoch = try lines.require("epoch").number(1...Statement.mostSerial)
    serial = try lines.require("serial").number(0...Statement.mostSerial)
    let value = try lines.require("release")
    release = value.text == "none" ? nil : try value.digest()
    let length: Int = try lines.require("trust").number(0...TrustFile.limit)
    if length == 0 {
      trust = nil
      try lines.end()
    } else {
      trust = try TrustFile(Array(bytes.suffix(length)))
    }
    guard self.bytes == bytes else { throw value.error("something follows its end") }
  }

  /// The bytes of the file.
  public var bytes: [UInt8] {
    let own = trust?.bytes ?? []
    let release = release.map { "\($0)" } ?? "none"
    let content =
      Array("epoch \(epoch)\nserial \(serial)\nrelease \(release)\ntrust \(own.count)\n".utf8) + own
    return Array("\(Self.first)\ncheck \(ContentDigest(of: content))\n".utf8) + content
  }
}
