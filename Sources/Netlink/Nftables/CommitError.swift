// SPDX-License-Identifier: GPL-3.0-or-later

import CNftnl

/// The reason why a batch was not committed, or may not have been committed.
public enum CommitError: Error, Sendable, Hashable, CustomStringConvertible {
  /// The ruleset has another generation than the one that the batch was planned for (`ERESTART`); nothing was
  /// changed. Read and plan again.
  case stale
  /// The kernel refused the operation with this index; nothing was changed.
  case refused(operation: Int, NetlinkError)
  /// The operation with this index cannot be encoded as a message; nothing was sent.
  case inexpressible(operation: Int, reason: String)
  /// The batch as a whole was refused (`EPERM`, `EMSGSIZE`, …); nothing was changed.
  case failed(NetlinkError)
  /// The kernel's answer was lost (`ENOBUFS`): the batch may have been committed. Read again to find out.
  case uncertain(NetlinkError)

  /// One line.
  public var description: String {
    switch self {
    case .stale: "another program changed the ruleset in the meantime; nothing was changed"
    case .refused(let operation, let error): "operation \(operation): \(error); nothing was changed"
    case .inexpressible(let operation, let reason): "operation \(operation): \(reason); nothing was sent"
    case .failed(let error): "\(error); nothing was changed"
    case .uncertain(let error): "\(error); the change may have been committed"
    }
  }
}

/// The kernel's answer to a batch that it did not refuse.
public enum Acknowledgement: Sendable, Hashable {
  /// It was committed.
  case committed
  /// No answer. Kernels before Linux 6.10 do not acknowledge `NFNL_MSG_BATCH_END`: the read-back decides.
  case silence
}
