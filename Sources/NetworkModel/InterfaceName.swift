// SPDX-License-Identifier: GPL-3.0-or-later

/// The name of a network interface, as the kernel accepts one: 1 to 15 bytes, no `/`, no `:`, no white space, not `.`
/// or `..` (`IFNAMSIZ` of `linux/if.h`, `dev_valid_name` of the kernel). Quotes and backslashes, which the kernel
/// allows, are refused too: they cannot be written in a ruleset.
public struct InterfaceName: Sendable, Hashable, Comparable, CustomStringConvertible {
  /// The name as it is written, with its `*` where it has one.
  public let description: String

  /// A name; nil for a text that is none.
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

  /// The order of the type.
  public static func < (left: Self, right: Self) -> Bool { left.description < right.description }
}

/// Interfaces by name: one exactly, or all whose names begin alike (`br-*`).
public enum InterfacePattern: Sendable, Hashable, Comparable, CustomStringConvertible {
  case exact(InterfaceName)
  /// All names that begin so; the text carries no `*`.
  case beginning(InterfaceName)

  /// Reads a name, or a name and a trailing `*`. A lone `*` is refused: it would claim every interface.
  public init?(_ text: some StringProtocol) {
    if text.hasSuffix("*") {
      guard let name = InterfaceName(text.dropLast()) else { return nil }
      self = .beginning(name)
    } else {
      guard let name = InterfaceName(text) else { return nil }
      self = .exact(name)
    }
  }

  /// Whether an interface of this name is meant.
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

  /// The name as it is written, with its `*` where it has one.
  public var description: String {
    switch self {
    case .exact(let name): name.description
    case .beginning(let start): "\(start)*"
    }
  }

  /// The order of the type.
  public static func < (left: Self, right: Self) -> Bool { left.description < right.description }
}
