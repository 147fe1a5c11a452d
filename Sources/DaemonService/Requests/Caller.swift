// SPDX-License-Identifier: GPL-3.0-or-later

internal import Glibc
internal import LinuxHost

/// The user who runs this program, and the environment in which it was started.
package enum Caller {
  /// The value of a variable of the environment; nil if it is not set or empty.
  package static func variable(_ name: String) -> String? {
    getenv(name).map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 }
  }

  /// The name of the user; with sudo, of the user who called it.
  package static var name: String { variable("SUDO_USER") ?? UserNames.name(of: getuid()) }
}
