// SPDX-License-Identifier: GPL-3.0-or-later

/// Limits for the number of simultaneous connections to the control socket. No connection is closed to make
/// room for a new one: a client may follow the log for days.
public enum ControlPlaces {
  /// The maximum number of connections.
  public static let total = 32
  /// The maximum number of connections of all users other than this host's root. The rest is reserved for
  /// root.
  public static let members = 24
  /// The maximum number of connections of one user other than this host's root.
  public static let perMember = 8

  /// The owner of a connection.
  public enum Owner: Sendable, Hashable {
    /// User 0, from the daemon's own network namespace.
    case root
    /// Any other user, including user 0 of another network namespace, which may be a container's.
    case user(UInt32)
  }

  /// The reason why another connection is refused; nil if it is accepted.
  public static func refusal(of owner: Owner, among held: some Sequence<Owner>) -> String? {
    var (all, others, own) = (0, 0, 0)
    for one in held {
      all += 1
      if one != .root { others += 1 }
      if one == owner { own += 1 }
    }
    if owner != .root, own >= perMember { return "you have \(perMember) connections to it already" }
    if all >= total { return "it has \(total) connections already" }
    if owner != .root, others >= members {
      return "members of the group have \(members) connections to it already"
    }
    return nil
  }
}
