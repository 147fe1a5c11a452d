// SPDX-License-Identifier: GPL-3.0-or-later

/// The file of a list, as whoever reads files found it.
public enum ListFile: Sendable {
  /// What is in it.
  case bytes([UInt8])
  /// Why it could not be read, in a few words (`No such file or directory`).
  case unreadable(reason: String)
}
