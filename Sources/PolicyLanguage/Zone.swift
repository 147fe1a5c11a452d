// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel

/// Interfaces of a machine that are treated alike.
public struct Zone: Sendable {
  /// The zone of every interface that no other zone or tunnel claims.
  public static let internet = "internet"
  /// The zone of guests: containers and virtual machines.
  public static let containers = "containers"

  /// The name that the policy gives it, unique on its machine.
  public let name: String
  /// Sorted; at least one.
  public let interfaces: [InterfacePattern]
  /// The sources that are accepted there, sorted: the prefixes of the policy, without the subnets of other
  /// machines inside them, which are behind a tunnel. Empty if the policy gives none.
  public internal(set) var prefixes: [Prefix]
  /// Where the prefixes come from.
  public let prefixOrigin: PrefixOrigin
  /// Where it is defined; nil for the built-in `containers`.
  public let location: SourceLocation?

  /// Where the prefixes of a zone come from.
  public enum PrefixOrigin: Sendable, Hashable {
    /// From the policy.
    case written
    /// `prefixes: live`: from the addresses of the zone's interfaces.
    case live
  }

  package init(
    name: String, interfaces: [InterfacePattern], prefixes: [Prefix], prefixOrigin: PrefixOrigin = .written,
    location: SourceLocation?
  ) {
    self.name = name
    self.interfaces = interfaces
    self.prefixes = prefixes
    self.prefixOrigin = prefixOrigin
    self.location = location
  }
}
