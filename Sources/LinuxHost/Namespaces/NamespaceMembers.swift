// SPDX-License-Identifier: GPL-3.0-or-later

internal import Glibc
internal import Netlink
internal import NetworkModel

/// The network namespaces of a host, with the processes and containers in each, and the files that keep them
/// alive.
struct NamespaceMembers: Sendable {
  /// The identities of all namespaces except the caller's own, sorted.
  let others: [UInt64]
  /// The number of processes whose namespace this user may not read.
  let unreadableProcesses: Int
  /// The ids of the containers that have a process in each namespace, in the order of the process ids.
  let containers: [UInt64: [String]]

  private let processes: [UInt64: [UInt32]]
  private let files: [UInt64: NamespaceFiles.File]

  /// Reads the namespace and the container of every process. The container in which the caller itself runs is
  /// left out: it says nothing about what is in the caller's namespace.
  init(of directory: borrowing ProcessDirectory, files namespaceFiles: NamespaceFiles, own: UInt64) {
    let ownContainer = (try? ProcFile.text("/proc/thread-self/cgroup")).flatMap { ControlGroup($0).container }
    var processes: [UInt64: [UInt32]] = [:]
    var containers: [UInt64: [String]] = [:]
    // Processes of one service have the same control groups, so the results are cached.
    var known: [[UInt8]: String?] = [:]
    func container(of process: UInt32) -> String? {
      guard let groups = try? ProcFile.bytes("/proc/\(process)/cgroup") else { return nil }
      if let container = known[groups] { return container }
      let container = ControlGroup(String(decoding: groups, as: UTF8.self)).container
      known[groups] = .some(container)
      return container
    }
    var unreadable = 0
    for process in directory.processes {
      switch directory.namespace(of: process) {
      case .identity(let identity):
        processes[identity, default: []].append(process)
        if let container = container(of: process), container != ownContainer,
          containers[identity]?.contains(container) != true
        {
          containers[identity, default: []].append(container)
        }
      case .forbidden: unreadable += 1
      case .gone: continue
      }
    }
    self.processes = processes
    self.containers = containers
    files = namespaceFiles.files
    unreadableProcesses = unreadable
    others = Set(processes.keys).union(files.keys).subtracting([own]).sorted()
  }

  /// Opens a namespace by the file that keeps it alive, else by one of its processes. Verifies that the path
  /// still leads to the same namespace. The caller must close the descriptor. Nil if no process is in it any
  /// more and no file keeps it.
  func open(_ identity: UInt64) throws(HostReadError) -> Int32? {
    let processes = processes[identity, default: []].lazy.map { "/proc/\($0)/ns/net" }
    var failure: HostReadError?
    for path in [files[identity]?.path].compactMap({ $0 }) + processes {
      let file = Glibc.open(path, O_RDONLY | O_CLOEXEC)
      guard file >= 0 else {
        if errno != ENOENT, errno != ESRCH { failure = .file(path: path, errno: errno) }
        continue
      }
      var status = stat()
      if fstat(file, &status) == 0, UInt64(status.st_ino) == identity { return file }
      close(file)
    }
    if let failure { throw failure }
    return nil
  }

  /// The kind of a namespace, with the names of containers from the table; nil if no process is in it any
  /// more.
  func kind(of identity: UInt64, names: [String: ContainerIdentity]) -> NamespaceSnapshot.Kind? {
    if let id = containers[identity]?.first { return .container(names[id] ?? ContainerIdentity(id: id)) }
    if let file = files[identity] { return .named(file.name) }
    for process in processes[identity, default: []] {
      if let process = ProcessTable.identity(of: process) { return .process(process) }
    }
    return nil
  }
}
