// SPDX-License-Identifier: GPL-3.0-or-later

package import Enforcement
internal import Glibc
internal import LinuxHost
internal import Netlink
package import NetworkModel
package import PolicyFiles

/// A verb's side of the control socket.
package final class DaemonConnection {
  private let connection: Connection
  private let path: String

  /// How much longer than the request is valid the answer is waited for, in milliseconds: what the daemon begins just in
  /// time is still heard of.
  private static let grace: Int32 = 10_000
  /// How long the daemon may be silent, in milliseconds.
  package static let patience: Int32 = 60_000
  /// The same while it checks a policy, which takes as long as it takes; the verb has checked it before.
  package static let checkPatience: Int32 = 600_000

  /// What the daemon says while it answers.
  package enum Words {
    /// For standard output.
    case output(PrintableText)
    /// For standard error.
    case note(PrintableText)
  }

  /// How an answer ends.
  package struct Answer {
    /// The exit status.
    package let status: Int32
    /// What came of it; nil where it was refused, and for reports.
    package let result: FirewallResult?
  }

  /// Connects. Nil where there is no daemon.
  package init?(path: String) throws(Refusal) {
    self.path = path
    do throws(SystemError) {
      connection = try Connection(path: path, milliseconds: 5000)
    } catch {
      if [ENOENT, ECONNREFUSED, ENOTDIR].contains(error.code) { return nil }
      let who: PrintableText =
        error.code == EACCES ? ": root and the members of the group wgfence may speak to the daemon" : ""
      throw Refusal("\(error)\(who)")
    }
  }

  /// Hands over a policy and its lists as they were read, to be put in force.
  package func apply(
    _ file: PolicyFile, path: String, machine: String?, trial: TrialTime?, say: (Words) -> Void
  ) throws(Refusal) -> Answer {
    let files = [file.bytes] + file.lists.map(\.bytes)
    guard
      let policy = PolicyHandover(
        path: path, machine: machine, lists: file.lists.map(\.name), lengths: files.map(\.count))
    else { throw Refusal("the policy cannot be handed over") }
    return try ask(.apply(policy, trial), files: files, patience: Self.checkPatience, say: say)
  }

  /// Sends a request, with files one behind the other in one file in memory, and passes on what the daemon says until it
  /// ends. `patience` is how long the daemon may be silent, in milliseconds; nil: for ever.
  package func ask(
    _ request: FirewallRequest, files: [[UInt8]] = [], patience: Int32? = DaemonConnection.patience,
    say: (Words) -> Void
  ) throws(Refusal) -> Answer {
    let deadline = patience.map { Clock.sinceBoot + Int64(max($0 - Self.grace, 0)) * 1_000_000 }
    try send(ControlRequest(request, deadline: deadline).frame.bytes, files)
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
      guard connection.wait(.reading, milliseconds: patience) else { throw silent(request) }
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
      // Where the daemon hung up, it may have said why.
      guard let sent = connection.send(rest, file: handed?.descriptor) else { break }
      if sent > 0 { handed = nil }
      rest = rest.dropFirst(sent)
    }
  }

  private static func text(_ frame: ControlFrame) -> PrintableText {
    PrintableText(lines: String(decoding: frame.payload, as: UTF8.self))
  }

  private func silent(_ request: FirewallRequest) -> Refusal {
    let end: PrintableText =
      request.isChange ? " The request has expired, so it takes no effect later" : ""
    return Refusal("the daemon at \(path) does not answer: is it stopped?\(end)")
  }

  private var broken: Refusal { Refusal("the daemon at \(path) broke the connection off") }
}
