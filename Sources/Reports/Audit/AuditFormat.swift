// SPDX-License-Identifier: GPL-3.0-or-later

/// The formats of an audit.
package enum AuditFormat: String, Sendable, CaseIterable {
  case text
  case json
  case sarif
  case html
}
