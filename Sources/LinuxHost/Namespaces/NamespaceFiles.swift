// SPDX-License-Identifier: GPL-3.0-or-later

internal import Glibc
internal import Netlink

/// The network namespaces that a file keeps alive: bind mounts of nsfs, such as those of `ip netns` in
/// `/run/netns`, Docker's in `/run/docker/netns`, and any others. Read from this thread's mount table; none
/// of the files is opened. Source: proc_pid_mountinfo(5); `ip netns` of ip-netns(8).
struct NamespaceFiles: Sendable {
  /// A file that keeps a namespace alive.
  struct File: Sendable, Hashable {
    /// The namespace's inode.
    let identity: UInt64
    /// The file's path.
    let path: String

    /// The file's name.
    var name: String {
      String(path[(path.lastIndex(of: "/").map { path.index(after: $0) } ?? path.startIndex)...])
    }
  }

  /// The files by the namespace's identity. If several files keep one namespace, the one in `/run/netns`,
  /// else the first.
  let files: [UInt64: File]

  /// Reads the mount table.
  package static func read() throws(HostReadError) -> NamespaceFiles {
    NamespaceFiles(mountinfo: try ProcFile.text("/proc/thread-self/mountinfo"))
  }

  /// Parses lines of `ID PARENT MAJOR:MINOR ROOT PATH OPTIONS … - TYPE SOURCE …`; the root of a namespace's
  /// file is `net:[INODE]`.
  init(mountinfo text: String) {
    var files: [UInt64: File] = [:]
    for line in text.utf8.split(separator: UInt8(ascii: "\n")) {
      let fields = line.split(separator: UInt8(ascii: " "), maxSplits: 5)
      guard fields.count == 6, fields[3].starts(with: "net:[".utf8), fields[3].last == UInt8(ascii: "]"),
        let inode = UInt64(Substring(fields[3].dropFirst(5).dropLast()))
      else { continue }
      let file = File(identity: inode, path: Self.unescaped(fields[4]))
      if files[inode] == nil || (Self.isNamed(file) && files[inode].map(Self.isNamed) == false) {
        files[inode] = file
      }
    }
    self.files = files
  }

  private static func isNamed(_ file: File) -> Bool {
    file.path.hasPrefix("/run/netns/") || file.path.hasPrefix("/var/run/netns/")
  }

  /// Decodes the kernel's escapes, such as `\040` for a space (`mangle_path` of `fs/seq_file.c`): three octal
  /// digits.
  private static func unescaped(_ field: Substring.UTF8View) -> String {
    var bytes: [UInt8] = []
    var rest = field
    while let byte = rest.popFirst() {
      if byte == UInt8(ascii: "\\"), rest.count >= 3, let code = UInt8(Substring(rest.prefix(3)), radix: 8) {
        bytes.append(code)
        rest = rest.dropFirst(3)
      } else {
        bytes.append(byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
