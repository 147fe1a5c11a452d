// SPDX-License-Identifier: GPL-3.0-or-later

import CMnl
import CNftnl
import CSys
import Glibc
internal import NetworkModel

/// A socket to nf_tables in the network namespace in which it was opened: it reads tables of any family, and
/// changes one at a time.
///
/// Use one socket for both, and keep it open if more is to come: closing a socket after a batch that deleted
/// something waits for an RCU grace period (5 to 22 ms measured), and a table's owner is a socket
/// (`NFT_TABLE_F_OWNER`).
public struct NFTablesSocket: ~Copyable {
  var socket: NetlinkSocket
  /// Memory in which requests are built, one at a time.
  var scratch = MessageBuffer(capacity: MessageBuffer.messageLimit)

  /// The maximum number of attempts to read, because the ruleset may change during a read.
  private static let attempts = 16

  /// Opens the socket. Opening needs no privilege; reading and writing do (`CAP_NET_ADMIN`).
  public init() throws(NetlinkError) {
    socket = try NetlinkSocket(family: NETLINK_NETFILTER)
  }

  /// The file descriptor to wait on. It belongs to the socket.
  public var descriptor: Int32 { socket.descriptor }

  /// The ruleset's generation: every commit of any program, to any table, changes it (`NFTA_GEN_ID`).
  public mutating func generation() throws(NetlinkError) -> UInt32 {
    let attempt = "reading the ruleset's generation"
    var generation: UInt32?
    _ = try ask(NFT_MSG_GETGEN, family: CSYS_NFPROTO_UNSPEC, attempt: attempt) { message in
      for attribute in message.attributes {
        switch attribute.type {
        case NFTA_GEN_ID: generation = attribute.u32
        default: break
        }
      }
    }
    guard let generation else { throw NetlinkError(attempt: attempt, code: EBADMSG) }
    return generation
  }

  /// Sends a request of one message, and passes each message of the answer to `body`.
  mutating func ask(
    _ type: nf_tables_msg_types, flags: Int32 = 0, family: UInt8, attempt: String,
    attributes: (inout MessageBuffer) -> Void = { _ in }, _ body: (NetlinkMessage) -> Void
  ) throws(NetlinkError) -> NetlinkSocket.DumpEnd {
    let sequence = socket.nextSequence()
    scratch.removeAll()
    let offset = scratch.beginMessage(
      type: Netlink.nfTables(type), flags: flags, family: family, sequence: sequence)
    attributes(&scratch)
    scratch.endMessage(offset)
    return try socket.request(scratch, sequence: sequence, attempt: attempt, body)
  }

  /// The result of a body of `consistently`.
  enum Reading<Value> {
    case value(Value)
    /// A dump was interrupted by a change: it must be repeated.
    case interrupted
  }

  /// Repeats a read of several dumps until all of them belong to one generation of the ruleset.
  ///
  /// An error is final only if the generation did not change: a set that was deleted between the dump that
  /// named it and the dump of its elements causes `ENOENT`.
  mutating func consistently<Value>(
    attempt: String, _ body: (inout NFTablesSocket) throws(NetlinkError) -> Reading<Value>
  ) throws(NetlinkError) -> Value {
    var before = try generation()
    for _ in 0..<Self.attempts {
      var (found, failure): (Reading<Value>, NetlinkError?) = (.interrupted, nil)
      do throws(NetlinkError) { found = try body(&self) } catch { failure = error }
      let after = try generation()
      if before == after {
        if let failure { throw failure }
        if case .value(let value) = found { return value }
      }
      before = after
    }
    throw NetlinkError(
      attempt: "\(attempt), which changed during each of \(Self.attempts) attempts", code: EAGAIN)
  }
}
