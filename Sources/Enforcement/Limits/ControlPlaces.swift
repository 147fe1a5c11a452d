// SPDX-License-Identifier: GPL-3.0-or-later

/// Who may have how many connections to the control socket at once. A connection is not closed to make room: a
/// client may follow the log for days.
public enum ControlPlaces {
  /// Connections in all.
  public static let total = 32
  /// Connections of all that are not this host's root: the rest is root's.
  public static let members = 24
  /// Connections of one user that is not this host's root.
  public static let perMember = 8

  /// Whose connection it is.
  public enum Owner: Sendable, Hashable {
    /// User 0, from the daemon's own network namespace.
    case root
    /// Anybody else: another user, or user 0 from another network namespace, which may be a container's.
    case user(UInt32)
  }

  /// Why one more connection is not taken; nil where it is.
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
