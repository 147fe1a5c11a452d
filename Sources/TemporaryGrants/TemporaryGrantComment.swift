// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel

/// The comment of the elements of a temporary grant: who opened it, and why, as `who: reason`.
struct TemporaryGrantComment: Sendable, Hashable {
  /// Who opened it: a user's name, which has no colon (passwd(5)); empty if the comment does not say.
  let who: String
  /// The reason that this user gave.
  let because: String

  /// A comment of these parts, each on one line.
  init(who: String, because: String) {
    self.who = Self.line(who)
    self.because = Self.line(because)
  }

  /// The parts of a comment that was read from the kernel. One without a colon is only a reason.
  init(read comment: String) {
    let parts = comment.split(separator: ":", maxSplits: 1)
    who = parts.count == 2 ? String(parts[0]) : ""
    because = parts.count == 2 ? String(parts[1].drop { $0 == " " }) : comment
  }

  /// The comment for the kernel.
  var text: String { "\(who): \(because)" }

  /// The text on one line, with unsafe characters replaced. nft quotes comments and has no escape for a quote.
  private static func line(_ text: String) -> String {
    let printable = String(
      String.UnicodeScalarView(PrintableText.of(text).unicodeScalars.map { $0 == "\"" ? "'" : $0 }))
    return printable.split(separator: " ").joined(separator: " ")
  }
}
