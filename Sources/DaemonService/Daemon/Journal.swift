// SPDX-License-Identifier: GPL-3.0-or-later

package import Enforcement
internal import Glibc
internal import LinuxHost
package import NetworkModel

/// The daemon's log on standard error. Each line begins with `<N>` if the journal reads it (sd-daemon(3)), else
/// with the time. Every line is an entry of the given severity: a value inside the text can neither end its line
/// nor start another. Entries beyond what `LineBudget` allows are counted and left out.
///
/// A class, because the line budget is shared by the whole process. Only the daemon's loop uses it.
package final class Journal {
  /// The format of entries.
  enum Form {
    /// For the journal, which adds the time.
    case journal
    /// For a terminal, with this time.
    case terminal(time: String)
  }

  private let isForJournal = getenv("JOURNAL_STREAM") != nil
  private var budget = LineBudget()

  /// A journal on standard error.
  package init() {}

  package func say(
    _ severity: Controller.Severity, _ text: PrintableText, about topic: LineBudget.Topic = .state
  ) {
    let verdict = budget.verdict(on: text.description, topic, now: Clock.sinceBoot)
    guard case .say(let leftOut) = verdict else { return }
    if leftOut > 0 {
      put(.warning, "\(leftOut) messages of this kind were left out, because there were too many")
    }
    put(severity, text)
  }

  private func put(_ severity: Controller.Severity, _ text: PrintableText) {
    let entries = Self.entries(severity, text, isForJournal ? .journal : .terminal(time: Self.time))
    // A journal that cannot be written does not end the daemon.
    var rest = Array(entries.utf8)[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { return }
      rest = rest.dropFirst(count)
    }
  }

  /// The entries of a text, one per line.
  static func entries(_ severity: Controller.Severity, _ text: PrintableText, _ form: Form) -> String {
    let head =
      switch form {
      case .journal: "<\(severity.rawValue)>"
      case .terminal(let time): "\(time) \(word(severity)): "
      }
    return text.lines.map { "\(head)\($0)\n" }.joined()
  }

  private static func word(_ severity: Controller.Severity) -> String {
    switch severity {
    case .error: "error"
    case .warning: "warning"
    case .notice: "notice"
    case .info: "info"
    }
  }

  /// The time of day in UTC, RFC 3339.
  private static var time: String { Timestamp.text(Int64(Glibc.time(nil))) }
}

/// Times as text: RFC 3339, in UTC.
enum Timestamp {
  package static func text(_ seconds: Int64) -> String {
    var seconds = time_t(seconds)
    var parts = tm()
    gmtime_r(&seconds, &parts)
    var buffer = [CChar](repeating: 0, count: 32)
    let count = strftime(&buffer, buffer.count, "%Y-%m-%dT%H:%M:%SZ", &parts)
    return String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// `3 h 5 min`, `12 s`
  static func age(_ seconds: Int64) -> String {
    switch seconds {
    case ..<0: "0 s"
    case ..<120: "\(seconds) s"
    case ..<7200: "\(seconds / 60) min"
    case ..<172_800: "\(seconds / 3600) h \(seconds % 3600 / 60) min"
    default: "\(seconds / 86400) days"
    }
  }
}
