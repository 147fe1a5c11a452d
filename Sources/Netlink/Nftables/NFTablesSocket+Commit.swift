// SPDX-License-Identifier: GPL-3.0-or-later

import CMnl
import CNftnl
import CSys
import Glibc
public import Ruleset

extension NFTablesSocket {
  /// The size of the receive buffer for the answers to a batch, in bytes. Only failures are answered, but
  /// every operation may fail.
  private static let answers = (least: 256 << 10, perMessage: 1 << 10, most: 16 << 20)

  /// Changes one table by operations that are carried out in this order, all or none.
  ///
  /// The batch is one datagram and contains the generation for which it was planned: if the ruleset has
  /// another generation by then, nothing is changed and it throws `CommitError.stale`. Only the end message
  /// requests an ACK. If several operations are refused, the first one is reported: the others may be refused
  /// because of it.
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
      // The remains of an earlier, abandoned exchange are not answers to this batch.
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

/// The kernel's answers to a batch.
struct CommitAnswers {
  private let first: UInt32
  private let end: UInt32
  private let attempt: String
  /// The error of the earliest message that was refused.
  private(set) var firstError: (sequence: UInt32, error: NetlinkError)?
  /// Whether the end message was acknowledged.
  private(set) var isAcknowledged = false

  /// Creates a value for the answers to messages with these sequence numbers.
  init(first: UInt32, end: UInt32, attempt: String) {
    self.first = first
    self.end = end
    self.attempt = attempt
  }

  /// Reads an answer. Messages that do not answer this batch are skipped.
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
