// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel
public import Ruleset

/// A condition on how many packets came before, which a packet space does not contain. A walk assumes that each rate is
/// below its limit, except the rates given to `SpaceWalk.exceeding`.
public enum RateCondition: Sendable, Hashable {
  /// New connections of one source.
  case connections(ConnectionLimit)
  /// Packets of all sources together.
  case packets(PacketRate)
}
