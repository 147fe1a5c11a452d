// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel
public import Ruleset

/// A condition on how many packets there were before: packet spaces do not know it. A walk assumes that every rate is
/// below its limit, except those that it is told to be above.
public enum RateCondition: Sendable, Hashable {
  /// New connections of one source.
  case connections(ConnectionLimit)
  /// Packets of all sources together.
  case packets(PacketRate)
}
