// SPDX-License-Identifier: GPL-3.0-or-later

internal import Enforcement
internal import Glibc
internal import LinuxHost
internal import Netlink
internal import NetworkModel

/// Reads and checks policies on a thread beside the daemon's loop, one at a time: the loop goes on to answer, and to repair
/// what others change.
///
/// The thread works on values that were given to it, and gives one back. All else belongs to the loop.
final class PolicyChecks {
  /// For whom a policy is checked.
  enum Asker: Hashable {
    /// The daemon itself: its policy file changed.
    case file
    /// A client, by its token, and whose it is.
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

  /// Plans a check. The file's comes first, then root's, then others'. A check of the file that waits already is enough.
  package func add(_ asker: Asker, _ work: @escaping Work) {
    if case .file = asker { waiting.removeAll { $0.asker == .file } }
    let place = waiting.firstIndex { Self.rank($0.asker) > Self.rank(asker) } ?? waiting.count
    waiting.insert((asker, work), at: place)
    startNext()
  }

  /// Whether a user's check waits or runs.
  func isBusy(for owner: ControlPlaces.Owner) -> Bool {
    (waiting.map(\.asker) + [running?.asker].compactMap { $0 }).contains {
      if case .client(_, owner) = $0 { true } else { false }
    }
  }

  /// A client that is gone needs no check. One that runs is not stopped; its result goes to nobody.
  func forget(_ token: UInt64) {
    waiting.removeAll { if case .client(token, _) = $0.asker { true } else { false } }
  }

  /// What came of the check that is done; nil where none is.
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
      // Without a thread the loop does it: late is better than not at all.
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

/// A file in memory that a client handed over, closed with the last use of it.
package final class HandedFile: Sendable {
  package let descriptor: Int32

  package init(_ descriptor: Int32) { self.descriptor = descriptor }

  deinit { close(descriptor) }
}
