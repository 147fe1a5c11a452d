// SPDX-License-Identifier: GPL-3.0-or-later

internal import Netlink

/// The directory where rulesets and what belongs to them survive: `/var/lib/wgfence` on a host.
///
///     state          what is in force, and what waits (`PersistedState`)
///     boot           the ruleset that is loaded at boot: the last one that was proven and, if asked for, confirmed
///     lock-down      the same policy's ruleset with its failsafe grants alone, loaded where `boot` is damaged
///     panic          the same, and nothing outward
///     rulesets/N     the ruleset in force and those before it, the newest with the highest number
///     lock           held by the process that writes here
///
/// Files are replaced as a whole and durably; what is damaged is told from what is not by a digest.
public struct StateDirectory: Sendable {
  /// Where it is on a host.
  public static let defaultPath = "/var/lib/wgfence"

  /// Rulesets before the one in force that are kept.
  public static let historyLength = 10

  /// Its path.
  public let path: String

  /// The directory at a path, which is made when something is written.
  public init(_ path: String) { self.path = path }

  /// The files for boot and for a panic.
  public enum Slot: String, Sendable, CaseIterable {
    case boot
    case lockDown = "lock-down"
    case panic
  }

  /// What a file holds.
  public enum Content<Value: Sendable>: Sendable {
    case whole(Value)
    case absent
    /// It is there, but cannot be used: why.
    case damaged(String)

    /// The value, where it is whole.
    public var value: Value? {
      switch self {
      case .whole(let value): value
      case .absent, .damaged: nil
      }
    }
  }

  /// Takes the right to write here. Nil where another process has it.
  public func lock() throws(StateError) -> StateLock? {
    try writing { () throws(SystemError) in
      try DurableFile.makeDirectory(path)
      try DurableFile.makeDirectory("\(path)/rulesets")
    }
    do throws(SystemError) {
      guard let lock = try FileLock("\(path)/lock") else { return nil }
      return StateLock(lock)
    } catch {
      throw StateError(error.description)
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

  /// Writes a stored ruleset, and removes the oldest beyond what is kept, but none of `held`.
  public func write(_ ruleset: StoredRuleset, number: Int, holding held: [Int]) throws(StateError) {
    try writing { () throws(SystemError) in
      try DurableFile.replace("\(path)/rulesets/\(number)", ruleset.bytes)
    }
    for old in numbers().filter({ !held.contains($0) && $0 != number }).dropLast(Self.historyLength) {
      // What is not removed now is removed after the next one.
      try? DurableFile.remove("\(path)/rulesets/\(old)")
    }
  }

  /// Removes a stored ruleset. One that is not there is no error.
  public func remove(number: Int) throws(StateError) {
    do throws(SystemError) {
      try DurableFile.remove("\(path)/rulesets/\(number)")
    } catch {
      throw StateError(error.description)
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
      throw StateError(error.description)
    }
  }
}

/// The right to write in a state directory, let go with the value.
public struct StateLock: ~Copyable {
  private let lock: FileLock
  init(_ lock: consuming FileLock) { self.lock = lock }
}

/// Something could not be kept on disk.
public struct StateError: Error, Sendable, Hashable, CustomStringConvertible {
  /// What, and why.
  public let description: String
  init(_ description: String) { self.description = description }
}
