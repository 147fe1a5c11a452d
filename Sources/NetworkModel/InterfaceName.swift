// SPDX-License-Identifier: GPL-3.0-or-later

/// The name of a network interface, as the kernel accepts it: 1 to 15 bytes, no `/`, no `:`, no white space,
/// not `.` or `..` (`IFNAMSIZ` of `linux/if.h`, `dev_valid_name` of the kernel). Quotes, backslashes, `*` and
/// non-ASCII characters, which the kernel allows, are rejected too: they cannot be written in a ruleset.
public struct InterfaceName: Sendable, Hashable, Comparable, CustomStringConvertible {
  /// The name.
  public let description: String

  /// Reads a name; nil if the text is not a valid name.
  public init?(_ text: some StringProtocol) {
    let bytes = Array(text.utf8)
    guard (1...15).contains(bytes.count), text != ".", text != "..",
      bytes.allSatisfy({ byte in
        byte > 0x20 && byte < 0x7f && !"/:\"\\*".utf8.contains(byte)
      })
    else { return nil }
    description = String(text)
  }

  /// `lo`
  public static let loopback = InterfaceName(unchecked: "lo")

  private init(unchecked text: String) { description = text }

  /// In alphabetical order.
  public static func < (left: Self, right: Self) -> Bool { left.description < right.description }
}

/// A pattern for interface names: one exact name, or all names with the same beginning (`br-*`).
public enum InterfacePattern: Sendable, Hashable, Comparable, CustomStringConvertible {
  case exact(InterfaceName)
  /// All names that begin with this text, which does not include the `*`.
  case beginning(InterfaceName)

  /// Reads a name, or a name and a trailing `*`. A `*` alone is rejected: it would match every interface.
  public init?(_ text: some StringProtocol) {
    if text.hasSuffix("*") {
      guard let name = InterfaceName(text.dropLast()) else { return nil }
      self = .beginning(name)
    } else {
      guard let name = InterfaceName(text) else { return nil }
      self = .exact(name)
    }
  }

  /// Whether the pattern matches this name.
  public func matches(_ name: InterfaceName) -> Bool {
    switch self {
    case .exact(let own): own == name
    case .beginning(let start): name.description.hasPrefix(start.description)
    }
  }

  /// Whether some interface name matches both.
  public func overlaps(_ other: InterfacePattern) -> Bool {
    switch (self, other) {
    case (.exact(let name), _): other.matches(name)
    case (_, .exact(let name)): matches(name)
    case (.beginning(let one), .beginning(let two)):
      one.description.hasPrefix(two.description) || two.description.hasPrefix(one.description)
    }
  }

  /// The pattern as it is written, with its `*` if it has one.
  public var description: String {
    switch self {
    case .exact(let name): name.description
    case .beginning(let start): "\(start)*"
    }
  }

  /// In alphabetical order.
  public static func < (left: Self, right: Self) -> Bool { left.description < right.description }
}
