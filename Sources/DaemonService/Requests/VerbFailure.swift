// SPDX-License-Identifier: GPL-3.0-or-later

internal import Enforcement
internal import Netlink
package import NetworkModel
internal import PolicyAnalysis
internal import PolicyCompiler
internal import PolicyFiles
internal import PolicyLanguage

/// Errors of this program that end a verb.
package enum VerbFailure {
  /// The sentence for a word that is no verb.
  package static func unknownVerb(_ word: String, among verbs: [String]) -> PrintableText {
    guard let nearest = Suggestion.nearest(to: word, among: verbs) else {
      return "there is no verb '\(word)': wgfence --help lists them"
    }
    return "there is no verb '\(word)': did you mean '\(nearest)'?"
  }

  /// An error as a sentence; nil for other errors, such as those of the argument parser.
  package static func sentence(_ error: any Error) -> PrintableText? {
    switch error {
    case let error as Refusal: error.text
    case let error as EnforcementError: "\(error)"
    case let error as HostReadError: "\(error)"
    case let error as NetlinkError: "\(error)"
    case let error as PolicyFileError: "\(error)"
    case let error as CompileError: "\(error)"
    case let error as QuestionError: "\(error)"
    case let error as DaemonError: "\(error)"
    default: nil
    }
  }
}
