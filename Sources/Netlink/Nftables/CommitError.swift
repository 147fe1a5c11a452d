// SPDX-License-Identifier: GPL-3.0-or-later

import CNftnl

/// Why a batch was not committed, or may not have been.
public enum CommitError: Error, Sendable, Hashable, CustomStringConvertible {
  /// The ruleset is of another generation than the one it was planned against (`ERESTART`): nothing was changed.
  /// Read and plan again.
  case stale
  /// The kernel refuses an operation, given by its index; nothing was changed.
  case refused(operation: Int, NetlinkError)
  /// An operation, given by its index, cannot be put into a message; nothing was sent.
  case inexpressible(operation: Int, reason: String)
  /// The batch as a whole was refused (`EPERM`, `EMSGSIZE`, …); nothing was changed.
  case failed(NetlinkError)
  /// The kernel's answer was lost (`ENOBUFS`): it may have been committed. Read again to know.
  case uncertain(NetlinkError)

  /// One line.
  public var description: String {
    switch self {
    case .stale: "the ruleset was changed by somebody else meanwhile; nothing was changed"
    case .refused(let operation, let error): "operation \(operation): \(error); nothing was changed"
    case .inexpressible(let operation, let reason): "operation \(operation): \(reason); nothing was sent"
    case .failed(let error): "\(error); nothing was changed"
    case .uncertain(let error): "\(error); it may have been committed nevertheless"
    }
  }
}

/// What the kernel said to a batch that it did not refuse.
public enum Acknowledgement: Sendable, Hashable {
  /// It was committed.
  case committed
  /// Nothing, as kernels before Linux 6.10 do, which know no ACK of `NFNL_MSG_BATCH_END`: what is read back decides.
  case silence
}
