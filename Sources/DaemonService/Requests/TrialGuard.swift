// SPDX-License-Identifier: GPL-3.0-or-later

package import Enforcement
internal import Glibc
internal import LinuxHost
internal import Netlink
package import NetworkModel

/// The process that goes back if an apply on trial is not confirmed, on a host without the daemon. It belongs to no
/// terminal and to no session, so it survives the connection over which the apply was made.
package enum TrialGuard {
  /// The verb by which this program starts itself. It is not in the help.
  package static let verb = "guard-trial"

  /// Starts the process: this program again, in a session of its own, with these arguments after the verb.
  package static func start(_ arguments: [String]) throws(Refusal) {
    do throws(SystemError) { try DetachedProcess.start([verb] + arguments) } catch {
      throw Refusal("the process that would undo the trial could not be started: \(error)")
    }
  }

  private static func isPending(_ directory: StateDirectory) -> Bool {
    if case .whole(let state) = directory.state() { state.pending != nil } else { false }
  }

  /// How often a directory that another process has locked is tried again, in microseconds.
  private static let pause: UInt32 = 200_000

  /// How long it waits for the trial to begin, in seconds.
  private static let patience: Int64 = 120

  /// Waits for the trial to begin, then for its end, and goes back unless it was confirmed. While another process has
  /// locked the directory it waits: a daemon that was started meanwhile goes back itself.
  package static func run(
    _ directory: StateDirectory, say: @escaping (Controller.Severity, PrintableText) -> Void
  ) {
    // The directory in which it was started can be unmounted meanwhile.
    _ = chdir("/")
    let latest = Clock.sinceBoot + patience * 1_000_000_000
    while !isPending(directory), Clock.sinceBoot < latest { usleep(pause / 4) }
    while case .whole(let state) = directory.state(), let pending = state.pending,
      pending.boot == Clock.bootIdentity
    {
      let left = pending.deadline - Clock.sinceBoot
      if left > 0 {
        usleep(UInt32(min(left / 1000 + 1, 1_000_000)))
        continue
      }
      // It goes back when it is made; the lock is released at once.
      _ = try? DirectFirewall(directory, at: .writing, by: "the end of the trial", say: say)
      usleep(pause)
    }
  }
}
