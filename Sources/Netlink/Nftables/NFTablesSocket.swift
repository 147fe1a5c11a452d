// SPDX-License-Identifier: GPL-3.0-or-later

import CMnl
import CNftnl
import CSys
import Glibc
internal import NetworkModel

/// nf_tables of the network namespace in which it was opened: reads tables of any family, and changes one at a time.
///
/// One socket serves for both. Keep it open where more is to come: closing one after a batch that deleted something
/// waits for an RCU grace period (5 to 22 ms measured), and a table's owner is a socket (`NFT_TABLE_F_OWNER`).
public struct NFTablesSocket: ~Copyable {
  var socket: NetlinkSocket
  /// Requests are built here, one at a time.
  var scratch = MessageBuffer(capacity: MessageBuffer.messageLimit)

  /// How often a read is begun anew because the ruleset changed under it.
  private static let attempts = 16

  /// Opens the socket. Needs no privilege by itself; reading and writing do (`CAP_NET_ADMIN`).
  public init() throws(NetlinkError) {
    socket = try NetlinkSocket(family: NETLINK_NETFILTER)
  }

  /// The socket's file descriptor, to wait on. It stays the socket's.
  public var descriptor: Int32 { socket.descriptor }

  /// The ruleset's generation: every commit of anybody's, in any table, makes it another (`NFTA_GEN_ID`).
  public mutating func generation() throws(NetlinkError) -> UInt32 {
    let attempt = "asking for the ruleset's generation"
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

  /// Sends a request of one message and gives each message of the answer to `body`.
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

  /// What a body of `consistently` found.
  enum Reading<Value> {
    case value(Value)
    /// A dump was interrupted by a change: to be begun anew.
    case interrupted
  }

  /// Runs a read of several dumps until all are of one generation of the ruleset.
  ///
  /// An error is the kernel's last word only where nothing changed meanwhile: a set that was deleted between the dump
  /// that named it and the one of its elements gives `ENOENT`.
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
    throw NetlinkError(attempt: attempt + ", which does not stop changing", code: EAGAIN)
  }
}
