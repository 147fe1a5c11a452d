// SPDX-License-Identifier: GPL-3.0-or-later

import CMnl
import CNftnl
import CSys
import Glibc
public import Ruleset

/// A table as the bytes of one batch that replaces the table, whether it existed before or not. It is loaded
/// at boot by sending it.
///
/// The bytes are nfnetlink messages in the machine's own byte order, from `NFNL_MSG_BATCH_BEGIN` to
/// `NFNL_MSG_BATCH_END`. They contain no generation, so they are valid whatever other tables exist.
public enum TableBatch {
  /// Encodes the batch that creates a table. Throws if a part of it cannot be encoded as a message.
  public static func encode(_ table: KernelTable) throws(CommitError) -> [UInt8] {
    // Adding the table first makes the deletion succeed if it does not exist.
    let operations =
      [TableOperation.addTable(flags: 0, userdata: []), .deleteTable]
      + Plan(desired: table, observed: nil).operations
    var batch = BatchEncoder(
      family: table.family, table: table.name, generation: nil, firstSequence: 1,
      buffer: MessageBuffer(capacity: 2 * MessageBuffer.messageLimit))
    for (index, operation) in operations.enumerated() { try batch.append(operation, index: index) }
    _ = batch.end()
    return Array(batch.buffer.bytes)
  }

  /// Decodes the table that a batch creates; nil if the bytes are not such a batch. Comparing the result with
  /// the table that was encoded proves that the batch is correct.
  public static func decode(_ bytes: [UInt8], family: UInt8, name: String) -> KernelTable? {
    bytes.withUnsafeBytes { bytes -> KernelTable? in
      var decoder = TableDecoder(family: family, name: name)
      let table = Array(name.utf8)
      var elements: [(set: [UInt8], decoder: ElementDecoder)] = []
      var (isBegun, isEnded) = (false, false)
      for message in MessageList(bytes) {
        if isEnded { return nil }
        switch message.type {
        case UInt16(NFNL_MSG_BATCH_BEGIN): isBegun = true
        case UInt16(NFNL_MSG_BATCH_END): isEnded = true
        case Netlink.nfTables(NFT_MSG_NEWTABLE): decoder.readTable(message)
        case Netlink.nfTables(NFT_MSG_DELTABLE): break
        case Netlink.nfTables(NFT_MSG_NEWOBJ): decoder.readObject(message, table: table)
        case Netlink.nfTables(NFT_MSG_NEWCHAIN): decoder.readChain(message, table: table)
        case Netlink.nfTables(NFT_MSG_NEWSET):
          guard let set = decoder.readSet(message, table: table) else { return nil }
          elements.append((set.rawName, ElementDecoder(of: set.set)))
        case Netlink.nfTables(NFT_MSG_NEWSETELEM):
          guard let set = setName(of: message),
            let index = elements.lastIndex(where: { $0.set.elementsEqual(set) })
          else { return nil }
          elements[index].decoder.read(message)
        case Netlink.nfTables(NFT_MSG_NEWRULE): decoder.readRule(message, table: table)
        default: return nil
        }
      }
      guard isBegun, isEnded else { return nil }
      for (index, set) in elements.enumerated() { decoder.take(set.decoder.finished(), ofSet: index) }
      return decoder.malformed == nil ? decoder.finished() : nil
    }
  }

  private static func setName(of message: NetlinkMessage) -> UnsafeRawBufferPointer? {
    for attribute in message.attributes {
      switch attribute.type {
      case NFTA_SET_ELEM_LIST_SET: return attribute.textBytes
      default: break
      }
    }
    return nil
  }
}

extension NFTablesSocket {
  /// Sends a stored batch unchanged: it takes effect as a whole or not at all.
  @discardableResult
  public mutating func replay(_ batch: [UInt8]) throws(CommitError) -> Acknowledgement {
    let attempt = "loading a stored ruleset"
    var (first, end): (UInt32?, UInt32) = (nil, 0)
    var count = 0
    batch.withUnsafeBytes { bytes in
      for message in MessageList(bytes) {
        first = first ?? message.sequence
        end = message.sequence
        count += 1
      }
    }
    guard let first else { throw .failed(NetlinkError(attempt: attempt, code: EBADMSG)) }
    socket.growSendBuffer(to: batch.count)
    socket.growReceiveBuffer(to: min(max(count << 10, 256 << 10), 16 << 20))
    var answers = CommitAnswers(first: first, end: end, attempt: attempt)
    let drained: NetlinkSocket.DrainEnd
    do throws(NetlinkError) {
      _ = try socket.drain(attempt: attempt) { _ in }
    } catch {
      throw .failed(error)
    }
    let failure = batch.withUnsafeBytes { bytes -> NetlinkError? in
      do throws(NetlinkError) {
        try socket.send(bytes, attempt: attempt)
        return nil
      } catch {
        return error
      }
    }
    if let failure { throw .failed(failure) }
    do throws(NetlinkError) {
      drained = try socket.drain(attempt: attempt) { answers.read($0) }
    } catch {
      throw .uncertain(error)
    }
    if let (sequence, error) = answers.firstError {
      throw .refused(operation: Int(sequence &- first), error)
    }
    if answers.isAcknowledged { return .committed }
    if drained == .lossy { throw .uncertain(NetlinkError(attempt: attempt, code: ENOBUFS)) }
    return .silence
  }
}
