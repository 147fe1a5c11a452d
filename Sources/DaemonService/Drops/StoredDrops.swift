// SPDX-License-Identifier: GPL-3.0-or-later

package import DropAnalysis
package import Enforcement
internal import Glibc
package import Netlink
internal import NetworkModel

/// The stored log of dropped packets: two files in the state directory, of which the older one is deleted when the newer
/// one is full. Nothing is synchronised to the disk: after a power cut the last seconds can be missing.
///
/// A class, because it holds records that wait to be written. Only the daemon's loop uses it.
package final class StoredDrops {
  /// The size at which a file is full, in bytes.
  package static let fileLimit = 2 << 20
  /// The most bytes that wait to be written. Further records are left out.
  static let waitingLimit = 256 << 10
  /// How long records wait, in nanoseconds, so that many are written at once.
  static let interval: Int64 = 1_000_000_000
  /// How long they wait after a failure.
  static let pause: Int64 = 60_000_000_000

  private let path: String
  private let fileLimit: Int
  private var waiting: [UInt8] = []
  /// Whether what was written last may be a part of a line.
  private var isTorn = true
  /// When waiting records are written, in nanoseconds since boot; nil if none waits.
  package private(set) var deadline: Int64?
  /// The records that were left out, because they could not be written.
  package private(set) var leftOut = 0

  /// A log in a state directory.
  package init(_ directory: StateDirectory, fileLimit: Int = StoredDrops.fileLimit) {
    path = Self.path(directory)
    self.fileLimit = fileLimit
  }

  private static func path(_ directory: StateDirectory) -> String { "\(directory.path)/drops" }

  /// Adds a record, to be written soon. `now` is in nanoseconds since boot.
  package func add(_ record: DropRecord, at now: Int64) {
    let line = Array(DropRecordLine.text(record).utf8)
    guard waiting.count + line.count <= Self.waitingLimit else {
      leftOut += 1
      return
    }
    waiting += line
    deadline = deadline ?? now + Self.interval
  }

  /// Writes the records that wait. After a failure they wait longer; records are left out if too many wait.
  package func write(at now: Int64) throws(SystemError) {
    guard !waiting.isEmpty else { return deadline = nil }
    do throws(SystemError) {
      try append()
      waiting = []
      deadline = nil
      leftOut = 0
    } catch {
      deadline = now + Self.pause
      throw error
    }
  }

  private func append() throws(SystemError) {
    let attempt = "writing \(path)"
    let flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK
    var file = try SystemError.check(open(path, flags, 0o600), attempt)
    defer { close(file) }
    var status = stat()
    guard fstat(file, &status) == 0 else { throw SystemError(attempt, code: errno) }
    guard status.st_mode & S_IFMT == S_IFREG else { throw SystemError(attempt, code: EINVAL) }
    if Int(status.st_size) + waiting.count > fileLimit, status.st_size > 0 {
      guard rename(path, "\(path).old") == 0 else { throw SystemError(attempt, code: errno) }
      let fresh = try SystemError.check(open(path, flags, 0o600), attempt)
      close(file)
      file = fresh
    }
    // A line that was written in part must not swallow the next one.
    var rest = (isTorn ? [UInt8(ascii: "\n")] + waiting : waiting)[...]
    isTorn = true
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw SystemError(attempt, code: count < 0 ? errno : ENOSPC) }
      rest = rest.dropFirst(count)
    }
    isTorn = false
  }

  /// What is stored, and what could not be read, as sentences. The content is untrusted.
  package static func read(_ directory: StateDirectory) -> (records: DropRecords, notes: [String]) {
    var records = DropRecords()
    var notes: [String] = []
    for name in ["\(path(directory)).old", path(directory)] {
      do throws(SystemError) {
        if let bytes = try DurableFile.read(name, limit: 2 * fileLimit) { records.read(bytes) }
      } catch {
        notes.append("\(error)")
      }
    }
    if records.damaged > 0 {
      notes.append(
        "\(path(directory)): \(records.damaged) damaged line\(records.damaged == 1 ? " was" : "s were") left out"
      )
    }
    return (records, notes)
  }
}
