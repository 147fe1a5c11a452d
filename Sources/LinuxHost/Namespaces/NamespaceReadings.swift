// SPDX-License-Identifier: GPL-3.0-or-later

internal import Glibc
internal import Netlink
internal import NetworkModel

/// The results of reading each network namespace of a host, and the ids that the namespaces use for each
/// other.
struct NamespaceReadings: Sendable {
  /// The errors of the namespaces that could not be read.
  private(set) var failures: [UInt64: HostReadError] = [:]

  private let own: UInt64
  private var readings: [UInt64: NamespaceReading] = [:]
  /// For each namespace, the identities of other namespaces by the ids that it uses for them.
  private var numbers: [UInt64: [UInt32: UInt64]] = [:]

  /// Reads the caller's own namespace on the calling thread, and each other namespace on a separate thread,
  /// with one open file for each processor. Throws if the caller's own namespace cannot be read.
  init(own: UInt64, members: NamespaceMembers, _ wanted: SurveyedSockets) throws(HostReadError) {
    self.own = own
    let loaded = SocketDiagnostics.loadedProtocols
    let ownReading = try NamespaceReading.read(wanted, loaded)
    let ownFile = Glibc.open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)
    guard ownFile >= 0 else { throw .file(path: "/proc/thread-self/ns/net", errno: errno) }
    defer { close(ownFile) }
    readings[own] = ownReading

    let hasFarEnds = !ownReading.namespaceNumbers.isEmpty
    let others = WorkThreads.map(members.others) { identity in
      Other(identity, members, wanted, loaded, own: ownFile, hasFarEnds ? .both : .theirs)
    }
    for (identity, other) in zip(members.others, others) {
      readings[identity] = other.reading
      if let number = other.numberOfOwn { numbers[identity, default: [:]][number] = own }
      if let number = other.number { numbers[own, default: [:]][number] = identity }
      failures[identity] = other.failure
    }
    for (identity, reading) in readings where identity != own {
      let missing = reading.namespaceNumbers.subtracting(numbers[identity, default: [:]].keys)
      if missing.isEmpty { continue }
      // If these ids cannot be read, the far ends are reported as in an unknown namespace.
      guard let found = try? Self.neighbours(of: identity, missing, members) else { continue }
      numbers[identity, default: [:]].merge(found) { one, _ in one }
    }
  }

  /// What was read of another namespace.
  private struct Other {
    private(set) var reading: NamespaceReading?
    /// The id that it uses for the caller's namespace.
    private(set) var numberOfOwn: UInt32?
    /// The id that the caller's namespace uses for it.
    private(set) var number: UInt32?
    private(set) var failure: HostReadError?

    /// The ids of namespaces that are asked for.
    enum Numbers {
      /// Only those that the other namespace uses.
      case theirs
      case both
    }

    /// Reads a namespace on a thread of its own. `own` is the open file of the caller's.
    init(
      _ identity: UInt64, _ members: NamespaceMembers, _ wanted: SurveyedSockets, _ loaded: Set<IPProtocol>,
      own: Int32, _ numbers: Numbers
    ) {
      do throws(HostReadError) {
        guard let file = try members.open(identity) else { return }
        defer { close(file) }
        (reading, numberOfOwn) = try NamespaceThread.run(in: file) {
          () throws(HostReadError) -> (NamespaceReading?, UInt32?) in
          let reading = try NamespaceReading.read(wanted, loaded)
          return (reading, reading.namespaceNumbers.isEmpty ? nil : try NamespaceReading.number(of: own))
        }
        if numbers == .both { number = try NamespaceReading.number(of: file) }
      } catch {
        failure = error
      }
    }
  }

  /// The identities for these ids in a namespace, for ids that do not mean the caller's namespace (a
  /// container inside a container).
  private static func neighbours(
    of identity: UInt64, _ wanted: Set<UInt32>, _ members: NamespaceMembers
  ) throws(HostReadError) -> [UInt32: UInt64] {
    guard let file = try members.open(identity) else { return [:] }
    defer { close(file) }
    return try NamespaceThread.run(in: file) { () throws(HostReadError) -> [UInt32: UInt64] in
      var found: [UInt32: UInt64] = [:]
      for other in members.others where other != identity && found.count < wanted.count {
        // Namespaces that cannot be opened were already reported.
        guard let file = (try? members.open(other)) ?? nil else { continue }
        defer { close(file) }
        if let number = try NamespaceReading.number(of: file), wanted.contains(number) {
          found[number] = other
        }
      }
      return found
    }
  }

  /// The inodes of all sockets that may belong to a process.
  var inodes: Set<UInt32> {
    var all = Set<UInt32>(minimumCapacity: readings.values.reduce(0) { $0 + $1.sockets.listeners.count })
    for reading in readings.values {
      for socket in reading.sockets.listeners { all.insert(socket.inode) }
      for socket in reading.opened { all.insert(socket.inode) }
    }
    return all
  }

  /// A snapshot of a namespace; nil if it was not read.
  func snapshot(
    _ identity: UInt64, _ kind: NamespaceSnapshot.Kind, _ owners: ProcessTable, containers: [String]
  ) -> NamespaceSnapshot? {
    readings[identity].map {
      NamespaceSnapshot(
        identity: identity, kind: kind, snapshot: $0.snapshot(owners),
        attachments: $0.attachments(in: identity, numbers: numbers[identity] ?? [:], readings: readings),
        containers: containers)
    }
  }
}
