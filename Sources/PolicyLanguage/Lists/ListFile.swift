// SPDX-License-Identifier: GPL-3.0-or-later

/// The content of a list file, or the reason why it could not be read.
public enum ListFile: Sendable {
  /// The content.
  case bytes([UInt8])
  /// Why it could not be read (`No such file or directory`).
  case unreadable(reason: String)
}
