// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel

/// The addresses at which WireGuard last heard machines whose policy says `endpoint: live`.
public struct LiveEndpoints: Sendable, Hashable {
  /// By machine name.
  public var addresses: [String: [IPAddress]]

  /// Addresses by machine name.
  public init(_ addresses: [String: [IPAddress]] = [:]) { self.addresses = addresses }
}
