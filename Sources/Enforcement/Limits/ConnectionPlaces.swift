// SPDX-License-Identifier: GPL-3.0-or-later

/// Who holds the places of a server. A newcomer always gets one: where there is none left, who holds the most loses its
/// oldest, so nobody can keep others out, by slowness or by number.
public struct ConnectionPlaces<Owner: Hashable & Sendable>: Sendable {
  /// The places in all.
  public let total: Int
  /// The places of one owner.
  public let perOwner: Int
  /// Who came, the first first.
  private var held: [(token: UInt64, owner: Owner)] = []

  /// Places that nobody holds yet. Both numbers are at least 1.
  public init(total: Int, perOwner: Int) {
    self.total = max(total, 1)
    self.perOwner = max(perOwner, 1)
  }

  /// The places that are held.
  public var count: Int { held.count }

  /// Gives a place to a connection. Returns the one that must be ended for it, which holds none from now on; nil for none.
  public mutating func admit(_ token: UInt64, of owner: Owner) -> UInt64? {
    var ended: UInt64?
    if held.count(where: { $0.owner == owner }) >= perOwner {
      ended = removeOldest(of: owner)
    } else if held.count >= total {
      var counts: [Owner: Int] = [:]
      for place in held { counts[place.owner, default: 0] += 1 }
      let most = counts.values.max() ?? 0
      // Of owners with equally many the one whose oldest came first.
      ended = held.first { counts[$0.owner] == most }.flatMap { removeOldest(of: $0.owner) }
    }
    held.append((token, owner))
    return ended
  }

  /// Takes the place back from a connection that ended.
  public mutating func leave(_ token: UInt64) { held.removeAll { $0.token == token } }

  private mutating func removeOldest(of owner: Owner) -> UInt64? {
    held.firstIndex { $0.owner == owner }.map { held.remove(at: $0).token }
  }
}
