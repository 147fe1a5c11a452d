// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PolicyAnalysis
internal import TemporaryGrants

/// Temporary grants in reports.
extension TemporaryGrant {
  /// `postgres in internet from 198.51.100.0/24 for 12 min more; eric: the migration`
  package var line: String {
    "\(services.joined(separator: ", ")) in \(zone) from \(senders) for \(remaining) more; \(who): \(because)"
  }

  /// Its sources in words.
  package var senders: String {
    sources.map { $0.length == 0 ? "anyone" : $0.description }.unique.joined(separator: ", ")
  }

  /// Writes the members of a temporary grant.
  package func put(in object: inout JSONWriter.Object) {
    object.put("zone", zone)
    object.put("from", each: sources.map(\.description))
    object.put("services", each: services)
    object.put("remaining_ms", remaining.milliseconds)
    object.put("who", who)
    object.put("because", because)
  }
}
