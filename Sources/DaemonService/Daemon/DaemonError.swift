// SPDX-License-Identifier: GPL-3.0-or-later

/// Why the daemon could not start or continue.
package struct DaemonError: Error, CustomStringConvertible {
  package let description: String
  init(_ description: String) { self.description = description }
}
