// SPDX-License-Identifier: GPL-3.0-or-later

internal import Netlink

/// The directory of the persisted rulesets and their state: `/var/lib/wgfence` on a host.
///
///     state          what is in force and what is pending (`PersistedState`)
///     boot           the ruleset for boot: the last one that was proven and, if requested, confirmed
///     lock-down      the failsafe grants of the same policy, loaded if `boot` is damaged
///     panic          the same, without outbound traffic
///     rulesets/N     the ruleset in force and earlier ones; the newest has the highest number
///     rulesets/N.lock-down, rulesets/N.panic   the failsafe grants of the same policies
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

    /// Those that each stored ruleset has, too.
    static let failsafe = [lockDown, panic]
  }

  /// Whether a file for boot or for a panic is missing or damaged.
  public var isIncomplete: Bool {
    Slot.allCases.contains { ruleset($0).value == nil }
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
      if state.panic != nil { return .rulesets }
      // The first apply is on trial, or was when the machine was restarted: nothing was in force before it.
      if let pending = state.pending, pending.back == nil { return .nothing }
      if state.inForce != nil { return .rulesets }
    case .absent:
      // A first apply that was interrupted leaves one ruleset, and no state.
      if numbers().count > 1 { return .rulesets }
      return Slot.allCases.allSatisfy({ isAbsent($0) }) ? .nothing : .rulesets
    }
    return numbers().isEmpty && Slot.allCases.allSatisfy({ isAbsent($0) }) ? .nothing : .rulesets
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

  /// Reads the ruleset for a lock-down or a panic of a stored ruleset.
  func ruleset(_ slot: Slot, of number: Int) -> Content<StoredRuleset> {
    read(Self.file(slot, of: number), limit: StoredRuleset.limit) { StoredRuleset($0) }
  }

  /// Writes the ruleset for a lock-down or a panic of a stored ruleset.
  func write(_ ruleset: StoredRuleset, _ slot: Slot, of number: Int) throws(StateError) {
    try writing { () throws(SystemError) in
      try DurableFile.replace("\(path)/\(Self.file(slot, of: number))", ruleset.bytes)
    }
  }

  private static func file(_ slot: Slot, of number: Int) -> String { "rulesets/\(number).\(slot.rawValue)" }

  /// Makes a stored ruleset the one for boot, with its rulesets for a lock-down and a panic. Throws if it cannot be read.
  func settle(_ number: Int) throws(StateError) {
    guard let ruleset = ruleset(number).value else {
      throw StateError("the stored ruleset \(number) cannot be read")
    }
    try write(ruleset, .boot)
    for slot in Slot.failsafe {
      if let own = self.ruleset(slot, of: number).value { try write(own, slot) }
    }
  }

  /// The ruleset for a panic while the policy with this digest is in force, which is stored under this number.
  func panic(of number: Int?, digest: String?) -> Content<StoredRuleset> {
    let own = number.map { ruleset(.panic, of: $0) } ?? .absent
    // In a panic, the one that is in force.
    let stored = ruleset(.panic)
    if let own = own.value, own.provenance.digest == digest || stored.value == nil { return .whole(own) }
    return stored
  }

  /// Writes a stored ruleset, and deletes the oldest ones beyond `historyLength`, except those in `held`.
  public func write(_ ruleset: StoredRuleset, number: Int, holding held: [Int]) throws(StateError) {
    try writing { () throws(SystemError) in
      try DurableFile.replace("\(path)/rulesets/\(number)", ruleset.bytes)
    }
    for old in numbers().filter({ !held.contains($0) && $0 != number }).dropLast(Self.historyLength) {
      // A file that cannot be deleted now is deleted after the next write.
      try? remove(number: old)
    }
  }

  /// Deletes a stored ruleset, if it exists.
  public func remove(number: Int) throws(StateError) {
    do throws(SystemError) {
      try DurableFile.remove("\(path)/rulesets/\(number)")
      for slot in Slot.failsafe { try DurableFile.remove("\(path)/\(Self.file(slot, of: number))") }
    } catch {
      throw StateError(error)
    }
  }

  /// The ruleset that is in force without a trial and without a panic, by the state.
  public var settled: StoredRuleset? {
    guard case .whole(let state) = state(), state.pending == nil, state.panic == nil else { return nil }
    return state.inForce.flatMap { ruleset($0).value }
  }

  /// The ruleset of a panic that is in the state, and that a process did not store for boot because it ended; nil if there is
  /// none.
  public var unstoredPanic: StoredRuleset? {
    guard case .whole(let state) = state(), state.panic != nil,
      ruleset(.boot).value?.provenance.kind != .panic
    else { return nil }
    let digest = state.inForce.flatMap { ruleset($0).value?.provenance.digest }
    return panic(of: state.inForce, digest: digest).value
  }

  /// Deletes the stored rulesets that are newer than all that the state names: a process that ended before it saved the state
  /// left them. Nobody may roll back to them.
  func removeUnnamed(_ state: PersistedState) {
    if case .damaged = self.state() { return }
    let named = [state.inForce, state.pending?.back, state.panic?.behind].compactMap { $0 }
    let isNew = named.isEmpty && Slot.allCases.allSatisfy { isAbsent($0) }
    guard let newest = named.max() ?? (isNew ? 0 : nil) else { return }
    for number in numbers() where number > newest { try? remove(number: number) }
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
