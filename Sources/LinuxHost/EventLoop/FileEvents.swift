// SPDX-License-Identifier: GPL-3.0-or-later

internal import Glibc
public import Netlink

/// Reports when the content of one of some files may have changed: written in place, or replaced by rename as
/// editors and git do.
///
/// Directories are watched, not files, because a file that is replaced is another inode. If a path contains
/// symbolic links, the directory of each link is watched too. If a directory does not exist, the nearest
/// existing parent is watched until it is created. Source: inotify(7).
public struct FileEvents: ~Copyable {
  /// The descriptor to wait on.
  public let descriptor: Int32
  /// The file names that matter, by watch.
  private var names: [Int32: Set<String>] = [:]
  private var watches: [String: Int32] = [:]
  private var paths: [String] = []

  /// The events of a directory: files that are written, renamed into or out of it, created, deleted or given
  /// other permissions, and the end of the directory itself.
  private static let events = UInt32(
    IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF
      | IN_ATTRIB | IN_ONLYDIR)

  /// Creates a value that watches nothing.
  public init() throws(SystemError) {
    descriptor = try SystemError.check(inotify_init1(Int32(IN_CLOEXEC | IN_NONBLOCK)), "watching files")
  }

  deinit { close(descriptor) }

  /// Watches exactly these files from now on. They need not exist.
  public mutating func watch(_ paths: [String]) {
    self.paths = paths
    var wanted: [String: Set<String>] = [:]
    for path in paths {
      for (directory, name) in Self.places(path) { wanted[directory, default: []].insert(name) }
    }
    var found: [String: Int32] = [:]
    names = [:]
    for (directory, files) in wanted {
      // A directory that was created again under its name gets another watch number.
      let watch = inotify_add_watch(descriptor, directory, Self.events)
      guard watch >= 0 else { continue }
      found[directory] = watch
      names[watch, default: []].formUnion(files)
    }
    for watch in Set(watches.values).subtracting(found.values) { inotify_rm_watch(descriptor, watch) }
    watches = found
  }

  /// Reads all pending events. Returns whether one of the files may have changed. A file that was opened for
  /// writing and is not closed yet does not count; it is reported when it is closed.
  public mutating func changed() -> Bool {
    var isChanged = false
    var buffer = [UInt8](repeating: 0, count: 16 << 10)
    let header = MemoryLayout<inotify_event>.size
    while true {
      let count = buffer.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { break }
      var rest = buffer[..<count]
      while let watch = rest.number(UInt32.self, at: 0), let mask = rest.number(UInt32.self, at: 4),
        let length = rest.number(UInt32.self, at: 12)
      {
        let name = rest.dropFirst(header).prefix(Int(length)).text
        rest = rest.dropFirst(header + Int(length))
        let bits = Int32(bitPattern: mask)
        if bits & IN_Q_OVERFLOW != 0 {
          isChanged = true
        } else if bits & IN_IGNORED != 0 {
          // The directory was deleted.
          let gone = Int32(bitPattern: watch)
          for (directory, number) in watches where number == gone { watches[directory] = nil }
          if names.removeValue(forKey: gone) != nil { isChanged = true }
        } else if name.isEmpty || names[Int32(bitPattern: watch)]?.contains(name) == true {
          // A created file is reported again when it is closed; links and directories are not.
          if bits & IN_CREATE == 0 || !Self.isRegular(watch: watch, name, watches) {
            isChanged = true
          }
        }
      }
    }
    // Links may have other targets now, and directories may have been created or deleted.
    if isChanged { watch(paths) }
    return isChanged
  }

  private static func isRegular(watch: UInt32, _ name: String, _ watches: [String: Int32]) -> Bool {
    guard let directory = watches.first(where: { $0.value == Int32(bitPattern: watch) })?.key else {
      return false
    }
    var status = stat()
    return lstat("\(directory)/\(name)", &status) == 0 && status.st_mode & S_IFMT == S_IFREG
      && status.st_nlink == 1
  }

  /// The maximum number of links in a path, as in the kernel (`MAXSYMLINKS`).
  private static let mostLinks = 40

  /// The directory entries that decide what a path means: the file, every link on the path, and the first
  /// component that does not exist.
  private static func places(_ path: String) -> [(directory: String, name: String)] {
    var places: [(directory: String, name: String)] = []
    var rest = path.split(separator: "/").map { String($0) }
    var folder = path.hasPrefix("/") ? "/" : "."
    var links = 0
    while !rest.isEmpty {
      let name = rest.removeFirst()
      if name == "." { continue }
      let whole = folder == "/" ? "/\(name)" : "\(folder)/\(name)"
      var status = stat()
      guard name == ".." || lstat(whole, &status) == 0 else {
        places.append((folder, name))
        break
      }
      if status.st_mode & S_IFMT == S_IFLNK, let target = target(of: whole), links < mostLinks {
        links += 1
        places.append((folder, name))
        if target.hasPrefix("/") { folder = "/" }
        rest = target.split(separator: "/").map { String($0) } + rest
        continue
      }
      if rest.isEmpty { places.append((folder, name)) }
      folder = whole
    }
    return places
  }

  private static func target(of path: String) -> String? {
    var buffer = [UInt8](repeating: 0, count: 4096)
    let count = buffer.withUnsafeMutableBytes { space -> Int in
      guard let start = space.baseAddress else { return 0 }
      return readlink(path, start.assumingMemoryBound(to: CChar.self), space.count)
    }
    return count > 0 ? String(decoding: buffer[..<count], as: UTF8.self) : nil
  }
}
