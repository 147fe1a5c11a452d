// SPDX-License-Identifier: GPL-3.0-or-later

internal import Netlink

/// The directory of the persisted rulesets and their state: `/var/lib/wgfence` on a host.
///
///     state          what is in force and what is pending (`PersistedState`)
///     boot           the ruleset for boot: the last one that was proven and, if requested, confirmed
///     lock-down      the failsafe grants of the same policy, loaded if `boot` is damaged
///     panic          the same, without outbound traffic
///     trial-lock-down, trial-panic   both of a ruleset on trial, until it is confirmed
///     rulesets/N     the ruleset in force and earlier ones; the newest has the highest number
///     drops, drops.old   the log of dropped packets, which the daemon writes
///     lock           held by the process that writes here
///
/// Files are replaced as a whole and durably. A digest detects damage.
public struct StateDirectory: Sendable {
  /// The default path on a host.
  public static let defaultPath = "/var/lib/wgfence"

  /// The number of stored rulesets before the one in force.
  public static let historyLength = 10

  /// The path of the directory.
  public let path: String

  /// Creates a value for a path. The directory is created when something is written.
  public init(_ path: String) { self.path = path }

  /// The files for boot and for a panic.
  public enum Slot: String, Sendable, CaseIterable {
    case boot
    case lockDown = "lock-down"
    case panic
    /// What `lockDown` becomes if the ruleset on trial is confirmed.
    case trialLockDown = "trial-lock-down"
    /// What `panic` becomes if the ruleset on trial is confirmed.
    case trialPanic = "trial-panic"

    /// Those that stay when there is no trial.
    public static let lasting = [boot, lockDown, panic]
  }

  /// Whether a file for boot or for a panic is missing or damaged.
  public var isIncomplete: Bool {
    Slot.lasting.contains { ruleset($0).value == nil }
  }

  /// The result of reading a file.
  public enum Content<Value: Sendable>: Sendable {
    case whole(Value)
    case absent
    /// It exists, but cannot be used: the reason.
    case damaged(String)

    /// The value, if it could be read.
    public var value: Value? {
      switch self {
      case .whole(let value): value
      case .absent, .damaged: nil
      }
    }
  }

  /// Whether a ruleset was ever in force for longer than a trial, even if it can no longer be read.
  public var past: Controller.Past {
    switch state() {
    case .damaged: return .rulesets
    case .whole(let state):
      // The first apply is on trial, or was when the machine was restarted: nothing was in force before it.
      if let pending = state.pending, pending.back == nil { return .nothing }
      if state.inForce != nil || state.panic != nil { return .rulesets }
    case .absent:
      // A first apply that was interrupted leaves one ruleset, and no state.
      if numbers().count > 1 { return .rulesets }
      return Slot.lasting.allSatisfy({ isAbsent($0) }) ? .nothing : .rulesets
    }
    return numbers().isEmpty && Slot.lasting.allSatisfy({ isAbsent($0) }) ? .nothing : .rulesets
  }

  private func isAbsent(_ slot: Slot) -> Bool { !DurableFile.exists("\(path)/\(slot.rawValue)") }

  /// Takes the lock for writing. Nil if another process has it.
  public func lock() throws(StateError) -> StateLock? {
    try writing { () throws(SystemError) in
      try DurableFile.makeDirectory(path)
      try DurableFile.makeDirectory("\(path)/rulesets")
    }
    do throws(SystemError) {
      guard let lock = try FileLock("\(path)/lock") else { return nil }
      return StateLock(lock)
    } catch {
      throw StateError(error)
    }
  }

  /// Reads `state`.
  public func state() -> Content<PersistedState> { read("state", limit: 16 << 20) { PersistedState($0) } }

  /// Writes `state`.
  public func write(_ state: PersistedState) throws(StateError) {
    try writing { () throws(SystemError) in try DurableFile.replace("\(path)/state", state.bytes) }
  }

  /// Reads a ruleset for boot or panic.
  public func ruleset(_ slot: Slot) -> Content<StoredRuleset> {
    read(slot.rawValue, limit: StoredRuleset.limit) { StoredRuleset($0) }
  }

  /// Writes a ruleset for boot or panic.
  public func write(_ ruleset: StoredRuleset, _ slot: Slot) throws(StateError) {
    try writing { () throws(SystemError) in
      try DurableFile.replace("\(path)/\(slot.rawValue)", ruleset.bytes)
    }
  }

  /// The numbers of the stored rulesets, the oldest first.
  public func numbers() -> [Int] {
    DirectoryListing.names(in: "\(path)/rulesets").compactMap { Int($0) }.sorted()
  }

  /// Reads a stored ruleset.
  public func ruleset(_ number: Int) -> Content<StoredRuleset> {
    read("rulesets/\(number)", limit: StoredRuleset.limit) { StoredRuleset($0) }
  }

  /// Writes a stored ruleset, and deletes the oldest ones beyond `historyLength`, except those in `held`.
  public func write(_ ruleset: StoredRuleset, number: Int, holding held: [Int]) throws(StateError) {
    try writing { () throws(SystemError) in
      try DurableFile.replace("\(path)/rulesets/\(number)", ruleset.bytes)
    }
    for old in numbers().filter({ !held.contains($0) && $0 != number }).dropLast(Self.historyLength) {
      // A file that cannot be deleted now is deleted after the next write.
      try? DurableFile.remove("\(path)/rulesets/\(old)")
    }
  }

  /// Deletes a stored ruleset, if it exists.
  public func remove(number: Int) throws(StateError) {
    do throws(SystemError) {
      try DurableFile.remove("\(path)/rulesets/\(number)")
    } catch {
      throw StateError(error)
    }
  }

  /// The ruleset that is in force without a trial and without a panic, by the state.
  public var settled: StoredRuleset? {
    guard case .whole(let state) = state(), state.pending == nil, state.panic == nil else { return nil }
    return state.inForce.flatMap { ruleset($0).value }
  }

  /// Deletes the stored rulesets that are newer than all that the state names: a process that ended before it saved the state
  /// left them. Nobody may roll back to them.
  func removeUnnamed(_ state: PersistedState) {
    if case .damaged = self.state() { return }
    let named = [state.inForce, state.pending?.back, state.panic?.behind].compactMap { $0 }
    let isNew = named.isEmpty && Slot.lasting.allSatisfy { isAbsent($0) }
    guard let newest = named.max() ?? (isNew ? 0 : nil) else { return }
    for number in numbers() where number > newest { try? remove(number: number) }
  }

  /// Makes the rulesets of a trial those for a lock-down and a panic, if they are of the policy with this digest, and deletes
  /// them.
  func endTrial(of digest: String?) throws(StateError) {
    for (slot, trial) in [(Slot.lockDown, Slot.trialLockDown), (.panic, .trialPanic)] {
      guard let digest, let stored = ruleset(trial).value, stored.provenance.digest == digest else {
        continue
      }
      try write(stored, slot)
    }
    do throws(SystemError) {
      for slot in [Slot.trialLockDown, .trialPanic] { try DurableFile.remove("\(path)/\(slot.rawValue)") }
    } catch {
      throw StateError(error)
    }
  }

  private func read<Value>(_ name: String, limit: Int, _ decode: ([UInt8]) -> Value?) -> Content<Value> {
    do throws(SystemError) {
      guard let bytes = try DurableFile.read("\(path)/\(name)", limit: limit) else { return .absent }
      guard let value = decode(bytes) else { return .damaged("\(path)/\(name) is damaged") }
      return .whole(value)
    } catch {
      return .damaged(error.description)
    }
  }

  private func writing(_ body: () throws(SystemError) -> Void) throws(StateError) {
    do throws(SystemError) {
      try DurableFile.makeDirectory(path)
      try DurableFile.makeDirectory("\(path)/rulesets")
      try body()
    } catch {
      throw StateError(error)
    }
  }
}

/// The lock for writing in a state directory. It is released with the value.
public struct StateLock: ~Copyable {
  private let lock: FileLock
  init(_ lock: consuming FileLock) { self.lock = lock }
}

/// Something could not be stored on disk.
public struct StateError: Error, Sendable, Hashable, CustomStringConvertible {
  /// What could not be stored, and why.
  public let description: String
  /// `errno`; nil if it was not a system call that failed.
  public let code: Int32?
  init(_ description: String) { (self.description, code) = (description, nil) }
  init(_ error: SystemError) { (description, code) = (error.description, error.code) }
}
