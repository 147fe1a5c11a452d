// SPDX-License-Identifier: GPL-3.0-or-later

/// A former name.
package typealias HostLook = HostReading

extension HostReading {
  /// A former name.
  package static func take() throws -> HostReading { try read() }
}
