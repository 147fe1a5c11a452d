// SPDX-License-Identifier: GPL-3.0-or-later

internal import CMnl
internal import CNftnl
internal import CSys
internal import Glibc
internal import NetworkModel
public import Ruleset

/// An NFLOG group in the network namespace of the thread that opened it: the packets that rules log to it.
///
/// The group belongs to one socket at a time; the kernel sends to no other socket, and what rules log while
/// no socket has the group is lost. Source: `linux/netfilter/nfnetlink_log.h`.
public struct PacketLog: ~Copyable {
  /// The size of the receive buffer in bytes: room for some thousands of unread lines.
  private static let receiveBuffer = 1 << 20
  /// The time that the kernel may delay a line, in hundredths of a second. With a threshold of 1 it does not
  /// delay.
  private static let timeout: UInt32 = 10

  private var socket: NetlinkSocket
  private var decoder = PacketLogDecoder()
  /// The number of lines that were lost because there was no memory or because they were not read in time. It
  /// is computed from gaps in their sequence numbers (`NFULA_SEQ`), so a loss is detected when the next line
  /// is read.
  public private(set) var lost: UInt64 = 0
  /// The expected sequence number of the next line.
  private var expected: UInt32 = 0

  /// Binds the socket to the group. Needs `CAP_NET_ADMIN` in the namespace.
  public init(group: UInt16 = DropLog.group) throws(PacketLogError) {
    do throws(NetlinkError) {
      socket = try Self.bound(to: group)
    } catch {
      throw Self.meaning(error, of: group)
    }
  }

  private static func bound(to group: UInt16) throws(NetlinkError) -> NetlinkSocket {
    var socket = try NetlinkSocket(family: NETLINK_NETFILTER)
    socket.growReceiveBuffer(to: receiveBuffer)
    let sequence = socket.nextSequence()
    var message = MessageBuffer(capacity: MessageBuffer.messageLimit)
    let offset = message.beginMessage(
      type: UInt16(CSYS_NFNL_SUBSYS_ULOG) << 8 | UInt16(CSYS_NFULNL_MSG_CONFIG), flags: NLM_F_ACK,
      family: CSYS_NFPROTO_UNSPEC, sequence: sequence, resource: group)
    [UInt8(CSYS_NFULNL_CFG_CMD_BIND)].withUnsafeBytes { message.append(UInt16(CSYS_NFULA_CFG_CMD), $0) }
    // struct nfulnl_msg_config_mode: the range in network byte order, the mode, one byte of padding.
    var mode: [UInt8] = []
    mode.append(number: DropLog.capturedLength.bigEndian)
    mode += [UInt8(CSYS_NFULNL_COPY_PACKET), 0]
    mode.withUnsafeBytes { message.append(UInt16(CSYS_NFULA_CFG_MODE), $0) }
    message.append(UInt16(CSYS_NFULA_CFG_TIMEOUT), timeout)
    message.append(UInt16(CSYS_NFULA_CFG_QTHRESH), UInt32(1))
    withUnsafeBytes(of: UInt16(CSYS_NFULNL_CFG_F_SEQ).bigEndian) {
      message.append(UInt16(CSYS_NFULA_CFG_FLAGS), $0)
    }
    message.endMessage(offset)
    _ = try socket.request(message, sequence: sequence, attempt: "binding to NFLOG group \(group)") { _ in }
    return socket
  }

  private static func meaning(_ error: NetlinkError, of group: UInt16) -> PacketLogError {
    switch error.code {
    case EPERM, EBUSY: holder(of: group).map { .held(group: group, by: $0) } ?? .netlink(error)
    // nfnetlink has no such subsystem.
    case EINVAL, EOPNOTSUPP: .unsupported(group: group)
    default: .netlink(error)
    }
  }

  /// The file descriptor to wait on until it is readable. It belongs to the socket.
  public var descriptor: Int32 { socket.descriptor }

  /// Passes each pending line to `body`, without waiting. Lost lines are counted, and are not an error.
  public mutating func drain(_ body: (DroppedPacket) -> Void) throws(NetlinkError) {
    // An interface index may have got another name in the meantime.
    decoder.forgetNames()
    var (decoder, lost, expected) = (decoder, lost, expected)
    defer { (self.decoder, self.lost, self.expected) = (decoder, lost, expected) }
    _ = try socket.drain(attempt: "reading the log of dropped packets") { message in
      guard message.type == UInt16(CSYS_NFNL_SUBSYS_ULOG) << 8 | UInt16(CSYS_NFULNL_MSG_PACKET) else {
        return
      }
      let line = decoder.decode(message.payload)
      if let number = line.number {
        lost += UInt64(number &- expected)
        expected = number &+ 1
      }
      body(line.packet)
    }
  }

  /// The netlink port of the socket that has a group, usually the id of its process. Nil if no socket has it,
  /// or if it cannot be read. Source: `seq_show` of `net/netfilter/nfnetlink_log.c`: group, port, ….
  private static func holder(of group: UInt16) -> UInt32? {
    guard let text = try? ProcFile.text("/proc/thread-self/net/netfilter/nfnetlink_log") else { return nil }
    for line in text.split(separator: "\n") {
      let words = line.split(separator: " ")
      if words.count > 1, UInt16(words[0]) == group { return UInt32(words[1]) }
    }
    return nil
  }
}

/// The reason why the log of dropped packets cannot be read.
public enum PacketLogError: Error, Sendable, Hashable {
  /// Another socket has the group: its netlink port, which usually is the id of its process.
  case held(group: UInt16, by: UInt32)
  /// The kernel does not support NFLOG.
  case unsupported(group: UInt16)
  /// Any other error of the kernel.
  case netlink(NetlinkError)
}

extension PacketLogError: CustomStringConvertible {
  /// The error as one line for people, without a full stop.
  public var description: String {
    switch self {
    case .held(let group, let port):
      "NFLOG group \(group) is in use by another program (netlink port \(port), usually its process id)"
    case .unsupported(let group):
      "NFLOG group \(group): the kernel does not support packet logging: "
        + "CONFIG_NETFILTER_NETLINK_LOG, module nfnetlink_log"
    case .netlink(let error): error.description
    }
  }
}
