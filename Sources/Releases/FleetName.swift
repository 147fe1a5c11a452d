// SPDX-License-Identifier: GPL-3.0-or-later

/// The name of a fleet: the machines that take the same releases. It is part of everything that is signed, so a release for one
/// fleet is none for another that has the same keys. `fleet init` makes it unique by 16 random hexadecimal digits.
public struct FleetName: Sendable, Hashable, CustomStringConvertible {
  /// The name.
  public let description: String

  /// 1 to 64 lower-case letters, digits and hyphens of ASCII, the first of them no hyphen; nil for any other text.
  public init?(_ text: some StringProtocol) {
    let bytes = Array(text.utf8)
    guard (1...64).contains(bytes.count), bytes[0] != 0x2d,
      bytes.allSatisfy({ (0x61...0x7a).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2d })
    else { return nil }
    description = String(text)
  }
}
