// SPDX-License-Identifier: GPL-3.0-or-later

/// The version of the program.
public enum Version {
  /// As `--version` prints it (semver.org).
  public static let text = "0.1.0"
}
