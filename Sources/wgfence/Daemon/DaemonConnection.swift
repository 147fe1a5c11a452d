// SPDX-License-Identifier: GPL-3.0-or-later

import ArgumentParser
import DaemonService
import Enforcement
import Glibc
import LinuxHost
import Netlink
import NetworkModel

/// A verb's side of the control socket.
final class DaemonConnection {
  private let connection: Connection
  private let path: String

  /// How much longer than the request is valid the answer is waited for, in milliseconds: what the daemon begins just in
  /// time is still heard of.
  private static let grace: Int32 = 10_000

  /// Connects. Nil where there is no daemon; one that does not take the connection ends the verb with status 1.
  init?(path: String) throws {
    self.path = path
    do throws(SystemError) {
      connection = try Connection(path: path, milliseconds: 5000)
    } catch {
      if [ENOENT, ECONNREFUSED, ENOTDIR].contains(error.code) { return nil }
      Console.error(
        "\(error)"
          + (error.code == EACCES
            ? ": root and the members of the group wgfence may speak to the daemon" : ""))
      throw ExitCode(1)
    }
  }

  /// Sends a request, with files one behind the other in one file in memory, and passes on what the daemon says until it
  /// ends: text to standard output and error, results to `result`. Returns the exit status. `patience` is how long the
  /// daemon may be silent, in milliseconds; nil: for ever.
  func ask(
    _ request: ControlRequest, files: [[UInt8]] = [], patience: Int32? = 60_000,
    result: (ControlResult) -> Void = { _ in }
  ) throws -> Int32 {
    var request = request
    if let patience {
      request.deadline = Clock.sinceBoot + Int64(max(patience - Self.grace, 0)) * 1_000_000
    }
    var handed: HandedFile?
    do throws(SystemError) {
      if !files.isEmpty {
        handed = HandedFile(try MemoryFile.make(files))
        request["lengths"] = files.map { String($0.count) }.joined(separator: " ")
      }
    } catch {
      Console.error("\(error)")
      throw ExitCode(1)
    }
    var rest = request.frame.bytes[...]
    while !rest.isEmpty {
      guard connection.wait(.writing, milliseconds: 10_000) else { throw broken() }
      // Where the daemon hung up, it may have said why.
      guard let sent = connection.send(rest, file: handed?.descriptor) else { break }
      if sent > 0 { handed = nil }
      rest = rest.dropFirst(sent)
    }
    var inbox: [UInt8] = []
    while true {
      switch ControlFrame.parse(inbox[...], limit: ControlFrame.answerLimit) {
      case .malformed: throw broken()
      case .frame(let frame, let length):
        inbox.removeFirst(length)
        let text = String(decoding: frame.payload, as: UTF8.self)
        switch frame.kind {
        case .output: Console.print(PrintableText(lines: text))
        case .note: Console.note(PrintableText(lines: text))
        case .result: result(ControlResult(payload: frame.payload))
        case .exit: return Int32(frame.payload.first ?? 1)
        case .request: throw broken()
        }
        continue
      case .incomplete: break
      }
      guard connection.wait(.reading, milliseconds: patience) else {
        Console.error(
          request.isChange
            ? "the daemon at \(path) does not answer: is it stopped? The request has expired, so it takes no effect later"
            : "the daemon at \(path) does not answer: is it stopped?")
        throw ExitCode(1)
      }
      switch connection.receive(atMost: 64 << 10) {
      case .bytes(let bytes, file: _): inbox += bytes
      case .nothing: continue
      case .end: throw broken()
      }
    }
  }

  /// The same, and ends the verb with the daemon's status where it is not 0.
  func run(_ request: ControlRequest, files: [[UInt8]] = [], patience: Int32? = 60_000) throws {
    let status = try ask(request, files: files, patience: patience)
    if status != 0 { throw ExitCode(status) }
  }

  private func broken() -> ExitCode {
    Console.error("the daemon at \(path) broke the connection off")
    return ExitCode(1)
  }
}
