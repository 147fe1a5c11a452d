// SPDX-License-Identifier: GPL-3.0-or-later

internal import Glibc
package import NetworkModel

/// A progress line on standard error, if that is a terminal and the work takes more than a second.
package struct Progress {
  private let verb: String
  private let noun: String
  private let write: (PrintableText) -> Void
  private let isShown = isatty(STDERR_FILENO) == 1
  private let began = Progress.now
  private var last: Int64 = 0

  /// `compared 300 of 1000 machines`, by a function that writes on standard error.
  package init(_ verb: String, _ noun: String, by write: @escaping (PrintableText) -> Void) {
    self.write = write
    self.verb = verb
    self.noun = noun
  }

  /// Milliseconds of CLOCK_MONOTONIC.
  private static var now: Int64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
  }

  /// Prints how much is done, at most ten times a second.
  package mutating func note(_ done: Int, of all: Int) {
    guard isShown else { return }
    let now = Self.now
    guard now - began > 1000, now - last > 100 else { return }
    last = now
    write("\r\(verb) \(done) of \(all) \(noun)")
  }

  /// Erases the line.
  package func end() {
    if last > 0 { write("\r\u{1b}[K") }
  }
}
