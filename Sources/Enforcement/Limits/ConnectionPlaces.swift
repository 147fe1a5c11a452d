// SPDX-License-Identifier: GPL-3.0-or-later

/// The connection slots of a server. A new connection always gets a slot. If none is free, the owner with the
/// most connections loses its oldest one, so no owner can exclude others by slow or by many connections.
public struct ConnectionPlaces<Owner: Hashable & Sendable>: Sendable {
  /// The number of slots.
  public let total: Int
  /// The maximum number of slots of one owner.
  public let perOwner: Int
  /// The connections, in the order in which they came.
  private var held: [(token: UInt64, owner: Owner)] = []

  /// Creates slots that are all free. Both numbers are at least 1.
  public init(total: Int, perOwner: Int) {
    self.total = max(total, 1)
    self.perOwner = max(perOwner, 1)
  }

  /// The number of slots in use.
  public var count: Int { held.count }

  /// Gives a slot to a connection. Returns the connection that must be closed for it and that loses its slot
  /// now; nil if there is none.
  public mutating func admit(_ token: UInt64, of owner: Owner) -> UInt64? {
    var ended: UInt64?
    if held.count(where: { $0.owner == owner }) >= perOwner {
      ended = removeOldest(of: owner)
    } else if held.count >= total {
      var counts: [Owner: Int] = [:]
      for place in held { counts[place.owner, default: 0] += 1 }
      let most = counts.values.max() ?? 0
      // Of several owners with the maximum number: the owner of the oldest connection.
      ended = held.first { counts[$0.owner] == most }.flatMap { removeOldest(of: $0.owner) }
    }
    held.append((token, owner))
    return ended
  }

  /// Frees the slot of a connection that ended.
  public mutating func leave(_ token: UInt64) { held.removeAll { $0.token == token } }

  private mutating func removeOldest(of owner: Owner) -> UInt64? {
    held.firstIndex { $0.owner == owner }.map { held.remove(at: $0).token }
  }
}
