// SPDX-License-Identifier: GPL-3.0-or-later

internal import Glibc
public import Netlink
public import NetworkModel

/// The sockets that a survey of a host reads.
public enum SurveyedSockets: Sendable, Hashable {
  /// Only those that accept traffic from anyone.
  case listening
  /// Those, and those of the connections that programs of the host opened.
  case listeningAndOpened
}

extension HostReader {
  /// Reads every network namespace of this host that a process in the caller's `/proc` is in, or that a file
  /// in the caller's mount table keeps alive, and finds the owners of all listening sockets by one scan of
  /// the processes. The host is the namespace of the calling thread, which stays there: each other namespace
  /// is entered by a separate thread.
  ///
  /// What could not be read of other namespaces is in the notes. Throws if the caller's own namespace or
  /// `/proc` cannot be read. A namespace is not found if it is only kept alive by an open descriptor, or by a
  /// thread other than the first thread of its process.
  ///
  /// If there are containers, their names are read from the engines that have a socket at one of the paths.
  public static func survey(
    engines: [String] = DockerContainers.paths, sockets: SurveyedSockets = .listening
  ) throws(HostReadError) -> HostSurvey {
    guard let own = NetworkNamespace.identity else {
      throw .file(path: "/proc/thread-self/ns/net", errno: errno)
    }
    let directory = try ProcessDirectory()
    let members = NamespaceMembers(of: directory, files: try NamespaceFiles.read(), own: own)
    let readings = try NamespaceReadings(own: own, members: members, sockets)
    let owners = ProcessTable.owners(of: readings.inodes, among: directory)

    var notes: [HostNote] = []
    let containers = DockerContainers.named(Set(members.containers.values.joined()), engines, &notes)
    func snapshot(_ identity: UInt64, _ kind: NamespaceSnapshot.Kind) -> NamespaceSnapshot? {
      readings.snapshot(identity, kind, owners, containers: members.containers[identity] ?? [])
    }
    guard let host = snapshot(own, .host) else { throw .malformed("reading the host's own namespace") }
    if members.unreadableProcesses > 0 {
      notes.append(.namespacesUnknown(processes: members.unreadableProcesses))
    }
    var others: [NamespaceSnapshot] = []
    for identity in members.others {
      // No process is in it any more, and no file keeps it alive.
      guard let kind = members.kind(of: identity, names: containers) else { continue }
      if let failure = readings.failures[identity] {
        notes.append(.namespaceUnread(kind, identity: identity, reason: "\(failure)"))
      } else if let other = snapshot(identity, kind) {
        others.append(other)
      }
    }
    return HostSurvey(host: host, others: others, containers: containers, notes: notes)
  }
}
