// SPDX-License-Identifier: GPL-3.0-or-later

package import Enforcement
internal import Glibc
internal import LinuxHost
internal import Netlink
internal import NetworkModel

/// Why the daemon could not start or continue.
package struct DaemonError: Error, CustomStringConvertible {
  package let description: String
  package let kind: Kind

  /// What another start would change.
  package enum Kind: Sendable, Hashable {
    /// It may succeed: the service manager starts the daemon again.
    case transient
    /// Nothing, until a person changes something: permission, kernel, network namespace, options.
    case permanent
  }

  /// The daemon's exit status after a permanent error: `EX_CONFIG` of sysexits.h. `wgfence.service` names it in
  /// `RestartPreventExitStatus=`.
  package static let permanentStatus: Int32 = 78

  /// In another network namespace the daemon must not use the machine's own folder and socket.
  package static let placesNotNamed = DaemonError(
    "in a network namespace other than the machine's own, the daemon needs --state-dir and --socket",
    .permanent)

  init(_ description: String, _ kind: Kind = .transient) {
    self.description = description
    self.kind = kind
  }

  /// A refusal to start in this network namespace: a permanent error.
  package init(_ refusal: Refusal) { self.init(refusal.text.description, .permanent) }

  /// Writes a permanent error to the journal and the service manager, and returns the exit status. Nil if the error is
  /// transient.
  package func statusIfPermanent() -> Int32? {
    guard kind == .permanent else { return nil }
    Journal().say(
      .error,
      "the daemon cannot start: \(description). wgfence.service does not start it again: change this, then run "
        + "systemctl start wgfence")
    ServiceManager.notify("STATUS=cannot start: \(description.split(separator: "\n").first ?? "")")
    return Self.permanentStatus
  }
}

extension DaemonError {
  /// The error for one of a system call.
  init(_ error: SystemError) {
    let isForbidden = error.code == EPERM || error.code == EACCES
    let isPermanent = isForbidden || Self.unsupported.contains(error.code) || error.code == ENAMETOOLONG
    self.init(
      isForbidden ? "\(error): run the daemon as root with CAP_NET_ADMIN" : "\(error)",
      isPermanent ? .permanent : .transient)
  }

  /// The error for one of the state directory.
  init(_ error: StateError) {
    let isForbidden = error.code == EPERM || error.code == EACCES
    self.init(
      isForbidden ? "\(error): the folder must belong to the daemon's user" : "\(error)",
      isForbidden ? .permanent : .transient)
  }

  /// The error for one of the first request to nf_tables; nil if it may pass: the daemon then starts, and asks again.
  init?(first error: NetlinkError) {
    switch error.code {
    case EPERM, EACCES: self.init("\(error)", .permanent)
    case let code where Self.unsupported.contains(code): self.init("\(error)", .permanent)
    // nfnetlink's answer if the subsystem of a message does not exist.
    case EINVAL:
      self.init(
        "\(error.attempt): the kernel has no nf_tables (\(error.name)): run modprobe nf_tables; in a container, on the "
          + "machine that runs it",
        .permanent)
    default: return nil
    }
  }

  /// Throws if this process may not change rulesets, or the kernel has no nf_tables.
  static func requireKernel() throws(DaemonError) {
    do throws(NetlinkError) {
      var socket = try NFTablesSocket()
      _ = try socket.generation()
    } catch {
      if let error = DaemonError(first: error) { throw error }
    }
  }

  private static let unsupported = [EPROTONOSUPPORT, EAFNOSUPPORT, EOPNOTSUPP, ENOSYS]
}
