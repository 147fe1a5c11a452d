// SPDX-License-Identifier: GPL-3.0-or-later

internal import Enforcement
internal import Glibc
internal import LinuxHost
internal import Netlink
internal import NetworkModel

/// Reads and checks policies on another thread, one at a time. Meanwhile the daemon's loop answers requests and
/// repairs changes by others.
///
/// The thread works on values that were given to it, and returns one. Everything else belongs to the loop.
final class PolicyChecks {
  /// Who asked for a check.
  enum Asker: Hashable {
    /// The daemon itself: its policy file changed.
    case file
    /// A client, by its token, and its owner.
    case client(UInt64, ControlPlaces.Owner)
  }

  typealias Work = @Sendable () -> PolicyLoader.Loaded

  /// Raised when a check is done.
  let done: WakeUp
  private var waiting: [(asker: Asker, work: Work)] = []
  private var running: (asker: Asker, thread: OwnThread?, result: Result)?

  /// Written by the thread before it ends, and read by the loop after it has.
  private final class Result: @unchecked Sendable {
    var reading: PolicyLoader.Loaded?
  }

  init() throws(SystemError) {
    Memory.share()
    done = try WakeUp()
  }

  /// Queues a check. The file's check goes first, then root's, then others'. A waiting check of the file is replaced.
  package func add(_ asker: Asker, _ work: @escaping Work) {
    if case .file = asker { waiting.removeAll { $0.asker == .file } }
    let place = waiting.firstIndex { Self.rank($0.asker) > Self.rank(asker) } ?? waiting.count
    waiting.insert((asker, work), at: place)
    startNext()
  }

  /// Whether a check of this owner waits or runs.
  func isBusy(for owner: ControlPlaces.Owner) -> Bool {
    (waiting.map(\.asker) + [running?.asker].compactMap { $0 }).contains {
      if case .client(_, owner) = $0 { true } else { false }
    }
  }

  /// Whether a check of the policy file waits or runs. Its result is not yet known.
  var willCheckFile: Bool { running?.asker == .file || waiting.contains { $0.asker == .file } }

  /// Removes the waiting check of a client that has disconnected. A running check is not stopped; its result is not
  /// used.
  func forget(_ token: UInt64) {
    waiting.removeAll { if case .client(token, _) = $0.asker { true } else { false } }
  }

  /// The result of the check that has ended; nil if none has.
  func take() -> (asker: Asker, reading: PolicyLoader.Loaded)? {
    done.acknowledge()
    guard let running else { return nil }
    running.thread?.join()
    self.running = nil
    startNext()
    return running.result.reading.map { (running.asker, $0) }
  }

  private func startNext() {
    guard running == nil, !waiting.isEmpty else { return }
    let (asker, work) = waiting.removeFirst()
    let (result, done) = (Result(), done)
    let body = {
      result.reading = work()
      done.raise()
    }
    do throws(OwnThread.Failure) {
      running = (asker, try OwnThread(body), result)
    } catch {
      // Without a thread the loop does the check itself. This delays the loop, but the check is made.
      running = (asker, nil, result)
      body()
    }
  }

  private static func rank(_ asker: Asker) -> Int {
    switch asker {
    case .file: 0
    case .client(_, .root): 1
    case .client(_, .user): 2
    }
  }
}

/// A memory file that a client sent. It is closed when the last reference to it ends.
package final class HandedFile: Sendable {
  package let descriptor: Int32

  package init(_ descriptor: Int32) { self.descriptor = descriptor }

  deinit { close(descriptor) }
}
