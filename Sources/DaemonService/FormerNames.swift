// SPDX-License-Identifier: GPL-3.0-or-later

package import PolicyLanguage

/// A former name.
package typealias HostLook = HostReading

extension HostReading {
  /// A former name.
  package static func take() throws -> HostReading { try read() }
}

extension LiveFacts {
  /// A former name.
  package static func read(for policy: Policy, on machine: String? = nil, _ checks: HostChecks = .made) -> (
    live: LiveFacts, gaps: [String]
  ) {
    let reading = LiveReading(for: policy, on: machine, checks)
    return (reading.facts, reading.gaps)
  }
}
