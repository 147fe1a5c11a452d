// SPDX-License-Identifier: GPL-3.0-or-later

package import PacketWalk
package import PolicyAnalysis

/// The words for what decided traces. Each is written once.
///
/// A class because it keeps them: an audit walks many packets for which the same few rules decide.
package final class DecisionWords {
  private let view: SiteView?
  /// Without a policy the step that decided gives the words.
  private var known: [TraceStep?: Words] = [:]
  private var texts: [String: String] = [:]

  /// What decided a trace.
  package struct Words {
    /// The line of the policy, `built in`, or the rule of another table.
    package let because: String
    /// The reason of that line or rule.
    package let reason: String
  }

  /// Words for traces, by a view of the policy if there is one.
  package init(_ view: SiteView?) { self.view = view }

  /// The words for a trace.
  package func words(of trace: Trace) -> Words {
    if let view { return Words(because: shared(view.because(trace)), reason: shared(view.reason(trace))) }
    let step = TraceWords.deciding(trace)
    if let words = known[step] { return words }
    let words = Words(because: TraceWords.because(trace), reason: TraceWords.reason(trace))
    known[step] = words
    return words
  }

  /// The same text, stored once.
  private func shared(_ text: String) -> String {
    if let same = texts[text] { return same }
    texts[text] = text
    return text
  }
}
