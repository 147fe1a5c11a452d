// SPDX-License-Identifier: GPL-3.0-or-later

import CMnl
import CNftnl
import CSys
import Glibc
public import Ruleset

extension NFTablesSocket {
  /// Memory for the answers to a batch. Only what fails is answered, but then each operation may be.
  private static let answers = (least: 256 << 10, perMessage: 1 << 10, most: 16 << 20)

  /// Makes the changes to one table, in the order given, all or none.
  ///
  /// The batch is one datagram and says the generation against which it was planned: where the ruleset is of another by
  /// then, nothing is changed and it ends with `CommitError.stale`. The ACK is asked of the end alone. Of several
  /// refused operations the first is told: the others may be refused because of it.
  @discardableResult
  public mutating func commit(
    _ operations: [TableOperation], family: UInt8, table: String, generation: UInt32
  ) throws(CommitError) -> Acknowledgement {
    let attempt = "changing table \(TableName(family: family, name: table))"
    var batch = BatchEncoder(
      family: family, table: table, generation: generation, firstSequence: socket.nextSequence(),
      buffer: MessageBuffer(capacity: 2 * MessageBuffer.messageLimit))
    for (index, operation) in operations.enumerated() { try batch.append(operation, index: index) }
    let end = batch.end()
    socket.skipSequence(to: end)
    let expected = batch.messages.count * Self.answers.perMessage
    socket.growSendBuffer(to: batch.buffer.count)
    socket.growReceiveBuffer(to: min(max(expected, Self.answers.least), Self.answers.most))

    do throws(NetlinkError) {
      // What an earlier, abandoned exchange left is not an answer to this one.
      _ = try socket.drain(attempt: attempt) { _ in }
      try socket.send(batch.buffer.bytes, attempt: attempt)
    } catch {
      throw .failed(error)
    }
    var answers = CommitAnswers(first: batch.firstSequence, end: end, attempt: attempt)
    let drained: NetlinkSocket.DrainEnd
    do throws(NetlinkError) {
      drained = try socket.drain(attempt: attempt) { answers.read($0) }
    } catch {
      throw .uncertain(error)
    }
    if let (sequence, error) = answers.firstError {
      if error.code == ERESTART { throw .stale }
      let position = Int(sequence &- batch.firstSequence) - 1
      guard batch.messages.indices.contains(position) else { throw .failed(error) }
      let message = batch.messages[position]
      let rest = UnsafeRawBufferPointer(rebasing: batch.buffer.bytes[message.offset...])
      let place = error.attributeOffset.flatMap { MessagePlace.describe($0, in: rest) }
      throw .refused(operation: message.operation, error.during(attempt, place: place))
    }
    if answers.isAcknowledged { return .committed }
    if drained == .lossy { throw .uncertain(NetlinkError(attempt: attempt, code: ENOBUFS)) }
    return .silence
  }
}

/// What the kernel answered to a batch.
struct CommitAnswers {
  private let first: UInt32
  private let end: UInt32
  private let attempt: String
  /// The error of the earliest message that was refused.
  private(set) var firstError: (sequence: UInt32, error: NetlinkError)?
  /// Whether the end was acknowledged.
  private(set) var isAcknowledged = false

  /// Answers to the messages that are numbered so.
  init(first: UInt32, end: UInt32, attempt: String) {
    self.first = first
    self.end = end
    self.attempt = attempt
  }

  /// Reads an answer. Whatever does not answer this batch is passed over.
  package mutating func read(_ message: NetlinkMessage) {
    guard Int32(message.type) == NLMSG_ERROR, message.sequence &- first <= end &- first else { return }
    guard let error = NetlinkError(message: message, attempt: attempt) else {
      if message.sequence == end { isAcknowledged = true }
      return
    }
    if let firstError, firstError.sequence &- first <= message.sequence &- first { return }
    firstError = (message.sequence, error)
  }
}
