// SPDX-License-Identifier: GPL-3.0-or-later

import Glibc

/// What tells one state of a file from another without reading it.
struct FileSignature: Hashable {
  let device: UInt64
  let inode: UInt64
  let size: Int64
  let seconds: Int
  let nanoseconds: Int

  static func of(_ paths: [String]) -> [FileSignature] {
    paths.map { path in
      var status = stat()
      guard stat(path, &status) == 0 else {
        return FileSignature(device: 0, inode: 0, size: 0, seconds: 0, nanoseconds: 0)
      }
      return FileSignature(
        device: UInt64(status.st_dev), inode: UInt64(status.st_ino), size: Int64(status.st_size),
        seconds: status.st_mtim.tv_sec, nanoseconds: status.st_mtim.tv_nsec)
    }
  }
}
