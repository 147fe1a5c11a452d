// SPDX-License-Identifier: GPL-3.0-or-later

internal import Glibc

/// What tells one state of a file from another without reading it.
struct FileSignature: Hashable {
  let device: UInt64
  let inode: UInt64
  let size: Int64
  let seconds: Int
  let nanoseconds: Int

  /// Of the file at a path; all zero where there is none.
  init(_ path: String) {
    var status = stat()
    guard stat(path, &status) == 0 else {
      (device, inode, size, seconds, nanoseconds) = (0, 0, 0, 0, 0)
      return
    }
    device = UInt64(status.st_dev)
    inode = UInt64(status.st_ino)
    size = Int64(status.st_size)
    seconds = status.st_mtim.tv_sec
    nanoseconds = status.st_mtim.tv_nsec
  }
}
