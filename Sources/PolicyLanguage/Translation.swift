// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel

/// A line of `translate`: address translation on one machine. It opens nothing: grants are judged by the addresses and
/// ports before it.
public struct Translation: Sendable {
  /// What is translated.
  public enum Kind: Sendable, Hashable {
    /// The sources of what comes from these zones and tunnels and leaves over `over`: they become the machine's own.
    case masquerade(from: [String])
    /// The destination of what arrives over `over` for the machine itself: it becomes another machine's tunnel address.
    /// Without a port it stays the same.
    case forward([Service], to: String, port: UInt16?)
    /// The network part of addresses: hosts of `inside` appear as those of `outside` over `over`.
    case map(inside: Prefix, outside: Prefix)
  }

  /// The machine that translates.
  public let machine: String
  /// Its zone or tunnel over which the translated packets come or go.
  public let over: String
  /// What is translated.
  public let kind: Kind
  /// Where the line is.
  public let location: SourceLocation
}

extension Policy {
  /// The prefix by which a machine itself sees hosts that others know by this one, because of a `map`; the same prefix if
  /// there is none.
  package func inside(_ outside: Prefix, on machine: String) -> Prefix {
    for translation in translations where translation.machine == machine {
      guard case .map(let inside, let whole) = translation.kind, whole.contains(outside) else { continue }
      let host = outside.address.bits ^ whole.address.bits
      return Prefix(
        containing: IPAddress(family: inside.family, bits: inside.address.bits | host), length: outside.length
      )
    }
    return outside
  }
}
