// SPDX-License-Identifier: GPL-3.0-or-later

package import Enforcement
internal import Glibc
internal import LinuxHost
internal import Netlink
package import NetworkModel
package import PolicyFiles
package import Ruleset

/// The client side of the control socket, and of the socket of the report service, which answers in the same frames.
package final class DaemonConnection {
  private let connection: Connection
  private let path: String
  private let service: Service

  /// Who answers.
  package enum Service {
    case daemon
    /// The service that makes reports about the host. Whoever may not connect to it is not told so: the verb then reads what
    /// its user can read.
    case reports
  }

  /// How long the client waits for the answer after the request has expired, in milliseconds. So it still receives
  /// the answer to a request that the daemon began just in time.
  private static let grace: Int32 = 10_000
  /// How long the daemon may send nothing, in milliseconds.
  package static let patience: Int32 = 60_000
  /// The same while it checks a policy, which has no time limit. The verb has already checked the policy itself.
  package static let checkPatience: Int32 = 600_000

  /// A part of the daemon's answer.
  package enum Words {
    /// For standard output.
    case output(PrintableText)
    /// For standard error.
    case note(PrintableText)
  }

  /// The end of an answer.
  package struct Answer {
    /// The exit status.
    package let status: Int32
    /// The result; nil if the request was refused or asked for a report.
    package let result: FirewallResult?
  }

  /// Connects. Nil if there is no such service.
  package init?(path: String, _ service: Service = .daemon) throws(Refusal) {
    (self.path, self.service) = (path, service)
    do throws(SystemError) {
      connection = try Connection(path: path, milliseconds: 5000)
    } catch {
      if [ENOENT, ECONNREFUSED, ENOTDIR].contains(error.code) { return nil }
      if error.code == EACCES, service == .reports { return nil }
      let who: PrintableText =
        error.code == EACCES ? ": only root and members of the group wgfence can connect to the daemon" : ""
      throw Refusal("\(error)\(who)")
    }
  }

  /// Sends a policy and its lists as they were read, to be put in force.
  package func apply(
    _ file: PolicyFile, path: String, machine: String?, mode: EnforcementMode, trial: TrialTime?,
    say: (Words) -> Void
  ) throws(Refusal) -> Answer {
    let files = [file.bytes] + file.lists.map(\.bytes)
    guard
      let policy = PolicyHandover(
        path: path, machine: machine, lists: file.lists.map(\.name), lengths: files.map(\.count))
    else { throw Refusal("the policy cannot be sent to the daemon") }
    return try ask(.apply(policy, mode, trial), files: files, patience: Self.checkPatience, say: say)
  }

  /// Sends the bundle of a release, to be verified and put in force.
  package func take(_ bundle: [UInt8], trial: TrialTime?, say: (Words) -> Void) throws(Refusal) -> Answer {
    try ask(
      .takeRelease(length: bundle.count, trial), files: [bundle], patience: Self.checkPatience, say: say)
  }

  /// Sends a request, with all files concatenated in one memory file, and passes on the parts of the answer until it
  /// ends. `patience` is how long the daemon may send nothing, in milliseconds; nil: no limit.
  package func ask(
    _ request: FirewallRequest, files: [[UInt8]] = [], patience: Int32? = DaemonConnection.patience,
    say: (Words) -> Void
  ) throws(Refusal) -> Answer {
    let deadline = patience.map { Clock.sinceBoot + Int64(max($0 - Self.grace, 0)) * 1_000_000 }
    return try exchange(
      ControlRequest(request, deadline: deadline).frame, files: files, patience: patience,
      silence: request.isChange ? " The request has expired, so it will have no effect" : "", say: say)
  }

  /// Sends a frame, with all files concatenated in one memory file, and passes on the parts of the answer until it ends.
  /// `silence` is what the message adds if nothing is sent for `patience` milliseconds.
  package func exchange(
    _ frame: ControlFrame, files: [[UInt8]], patience: Int32?, silence: PrintableText = "",
    say: (Words) -> Void
  ) throws(Refusal) -> Answer {
    try send(frame.bytes, files)
    var (inbox, result): ([UInt8], FirewallResult?) = ([], nil)
    while true {
      switch ControlFrame.parse(inbox[...], limit: ControlFrame.answerLimit) {
      case .malformed: throw broken
      case .frame(let frame, let length):
        inbox.removeFirst(length)
        switch frame.kind {
        case .output: say(.output(Self.text(frame)))
        case .note: say(.note(Self.text(frame)))
        case .result:
          do throws(ControlFormatError) { result = try FirewallResult(payload: frame.payload) } catch {
            throw broken
          }
        case .exit: return Answer(status: Int32(frame.payload.first ?? 1), result: result)
        case .request: throw broken
        }
        continue
      case .incomplete: break
      }
      guard connection.wait(.reading, milliseconds: patience) else { throw silent(silence) }
      switch connection.receive(atMost: 64 << 10) {
      case .bytes(let bytes, file: _): inbox += bytes
      case .nothing: continue
      case .end: throw broken
      }
    }
  }

  private func send(_ bytes: [UInt8], _ files: [[UInt8]]) throws(Refusal) {
    var handed: HandedFile?
    do throws(SystemError) {
      if !files.isEmpty { handed = HandedFile(try MemoryFile.make(files)) }
    } catch {
      throw Refusal("\(error)")
    }
    var rest = bytes[...]
    while !rest.isEmpty {
      guard connection.wait(.writing, milliseconds: 10_000) else { throw broken }
      // If the daemon closed the connection, it may have sent the reason before.
      guard let sent = connection.send(rest, file: handed?.descriptor) else { break }
      if sent > 0 { handed = nil }
      rest = rest.dropFirst(sent)
    }
  }

  private static func text(_ frame: ControlFrame) -> PrintableText {
    PrintableText(colouredLines: String(decoding: frame.payload, as: UTF8.self))
  }

  private var name: PrintableText {
    switch service {
    case .daemon: "the daemon at \(path)"
    case .reports: "the report service at \(path)"
    }
  }

  private func silent(_ consequence: PrintableText) -> Refusal {
    Refusal("\(name) does not answer: is it stopped?\(consequence)")
  }

  private var broken: Refusal {
    Refusal("\(name) closed the connection before its answer was complete")
  }
}
