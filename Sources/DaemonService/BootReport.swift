// SPDX-License-Identifier: GPL-3.0-or-later

internal import Enforcement
internal import Reports

/// What `boot` did, for programs. For people, the journal has it.
package struct BootReport {
  let source: Source
  /// What was loaded; nil if nothing was.
  let provenance: Provenance?

  /// Where the ruleset that is in force comes from.
  enum Source: String {
    /// A running daemon owns the table: nothing was loaded.
    case daemon
    /// No ruleset was ever in force on this machine: nothing was loaded.
    case nothing
    /// The stored panic.
    case panic
    /// The stored ruleset that was in force.
    case inForce = "in-force"
    /// The ruleset that is stored for boot.
    case boot
    /// The stored lock-down.
    case lockDown = "lock-down"
    /// The lock-down that is built in.
    case builtIn = "built-in"
  }

  /// `wgfence/boot/1`
  package var json: String {
    JSONWriter.object { object in
      object.put("schema", "wgfence/boot/1")
      object.put("loaded", provenance != nil)
      object.put("source", source.rawValue)
      object.put("machine", provenance?.machine)
      object.put("policy", provenance?.path)
      object.put("digest", provenance?.digest)
    }
  }
}
