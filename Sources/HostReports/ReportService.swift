// SPDX-License-Identifier: GPL-3.0-or-later

internal import DaemonService
internal import Enforcement
internal import Glibc
package import LinuxHost
internal import Netlink
package import NetworkModel
internal import PolicyFiles
internal import PolicyLanguage
internal import Reports

/// Answers one client of the report service: who is in the group wgfence gets the reports that root gets.
///
/// The service manager starts a process for each connection. It may read everything on the host, so what its client can choose
/// is limited to `ReportMessage`: no path that the client names is opened.
package struct ReportService: ~Copyable {
  /// How long a report may take, in milliseconds, as a client waits for it. The service's unit limits it, too.
  package static let patience: Int32 = 130_000
  /// How long a request may take to arrive, and a part of the answer to be taken, in milliseconds.
  private static let patienceForClient: Int32 = 10_000
  private static let group = "wgfence"
  /// The most bytes of a report in one frame, unless a line is longer.
  private static let mostOfFrame = 1 << 20

  private let connection: Connection
  private let log: (PrintableText) -> Void

  /// A service for the client at a connection. `log` writes a line to the journal.
  package init(_ connection: consuming Connection, log: @escaping (PrintableText) -> Void) {
    self.connection = connection
    self.log = log
  }

  /// Answers the client.
  package func run() {
    do {
      let peer = try connection.peer()
      guard peer.user == 0 || connection.isPeer(inGroup: Self.group) else {
        throw Refusal("only root and members of the group \(Self.group) may ask for reports")
      }
      let (message, file) = try receive()
      log("\(message.request.verb) for \(UserNames.name(of: peer.user))")
      let parts = try Self.parts(of: message, file)
      let report = try HostReport.make(
        message.request, of: Self.policy(of: message, parts), state: HostPlaces.state(nil),
        leavingOut: message.baseline == nil
          ? nil : try parts.last.map { try HostReading.baseline($0, from: "the file of --baseline") },
        say: { send(Self.frame($0)) })
      switch report.body {
      case .people(let text):
        let request = message.request
        finish(text.text(columns: request.columns, colours: request.colours), report.status)
      case .programs(document: let text): finish(text, report.status)
      case .nothing: finish("", report.status)
      }
    } catch {
      let why = VerbFailure.sentence(error) ?? "the report could not be made: \(error)"
      send(ControlFrame(.note, text: "wgfence: error: \(why)\n"))
      finish("", 1)
    }
  }

  // MARK: The request

  /// The request, and the memory file that came with it.
  private func receive() throws(Refusal) -> (ReportMessage, HandedFile?) {
    let end = Clock.sinceBoot + Int64(Self.patienceForClient) * 1_000_000
    var (inbox, file): ([UInt8], HandedFile?) = ([], nil)
    while true {
      let left = (end - Clock.sinceBoot) / 1_000_000
      guard left > 0, connection.wait(.reading, milliseconds: Int32(left)) else {
        throw Refusal("the request was not complete within \(Self.patienceForClient / 1000) s")
      }
      switch connection.receive(atMost: 64 << 10, files: .one) {
      case .nothing: continue
      case .end: throw Refusal("the request is not complete")
      case .bytes(let bytes, let sent):
        let handed = sent.map { HandedFile($0) }
        if handed != nil, file != nil { throw Refusal("the request has more than one file") }
        file = file ?? handed
        inbox += bytes
      }
      switch ControlFrame.parse(inbox[...], limit: ControlFrame.requestLimit) {
      case .incomplete: continue
      case .frame(let frame, let length) where frame.kind == .request && length == inbox.count:
        return (try ReportMessage(payload: frame.payload), file)
      case .frame, .malformed: throw Refusal("the request is malformed: no report was made")
      }
    }
  }

  /// The parts of the memory file: the policy, its lists, and an earlier report.
  private static func parts(of message: ReportMessage, _ file: HandedFile?) throws -> [[UInt8]] {
    let lengths = message.lengths
    if lengths.isEmpty { return [] }
    guard let file else { throw Refusal("the policy was not received completely") }
    let lists = message.policy?.lengths.dropFirst() ?? []
    guard message.policy?.lengths.first ?? 0 <= PolicyFile.policyLimit,
      lists.allSatisfy({ $0 <= PolicyFile.listLimit }),
      lists.reduce(0, +) <= PolicyFile.listLimit,
      message.baseline ?? 0 <= AuditBaseline.limit
    else {
      throw Refusal(
        "the policy is larger than \(PolicyFile.policyLimit >> 20) MiB, its lists together than "
          + "\(PolicyFile.listLimit >> 20) MiB, or the earlier report than \(AuditBaseline.limit >> 20) MiB")
    }
    return try MemoryFile.read(file.descriptor, lengths: lengths)
  }

  private static func policy(of message: ReportMessage, _ parts: [[UInt8]]) throws(PolicyFileError)
    -> PolicySource
  {
    guard let policy = message.policy else { return PolicySource(nil) }
    let lists = Dictionary(zip(policy.lists, parts.dropFirst()), uniquingKeysWith: { first, _ in first })
    let file = try PolicyFile.decode(policy.path, .bytes(parts[0])) { name in
      lists[name].map { .bytes($0) } ?? .unreadable(reason: "it was not sent with the policy")
    }
    return .received(file, path: policy.path)
  }

  // MARK: The answer

  private static func frame(_ remark: HostReport.Remark) -> ControlFrame {
    switch remark {
    case .note(let text): ControlFrame(.note, text: text)
    case .warning(let text): ControlFrame(.note, text: "wgfence: warning: \(text)\n")
    case .error(let text): ControlFrame(.note, text: "wgfence: error: \(text)\n")
    }
  }

  private func finish(_ report: String, _ status: Int32) {
    for frame in Self.frames(of: report, most: Self.mostOfFrame) { send(frame) }
    send(ControlFrame(.exit, [UInt8(truncatingIfNeeded: status)]))
  }

  /// A report as frames of at most `most` bytes, which end at the end of a line. A longer line has a frame of its own.
  static func frames(of report: String, most: Int) -> [ControlFrame] {
    var frames: [ControlFrame] = []
    var rest = Array(report.utf8)[...]
    while !rest.isEmpty {
      let feed = UInt8(ascii: "\n")
      let end =
        rest.count <= most
        ? rest.endIndex - 1
        : rest.prefix(most).lastIndex(of: feed) ?? rest.firstIndex(of: feed) ?? rest.endIndex - 1
      frames.append(ControlFrame(.output, Array(rest[...end])))
      rest = rest[(end + 1)...]
    }
    return frames
  }

  /// Sends a frame. A client that does not take it gets no more: its connection ends with this process.
  private func send(_ frame: ControlFrame) {
    var rest = frame.bytes[...]
    while !rest.isEmpty {
      guard connection.wait(.writing, milliseconds: Self.patienceForClient), let sent = connection.send(rest)
      else { return }
      rest = rest.dropFirst(sent)
    }
  }
}
