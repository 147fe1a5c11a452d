// SPDX-License-Identifier: GPL-3.0-or-later

internal import Glibc

/// The metadata by which a change of a file is detected without reading it.
struct FileSignature: Hashable {
  let device: UInt64
  let inode: UInt64
  let size: Int64
  let seconds: Int
  let nanoseconds: Int

  /// The signature of the file at a path; all zero if there is none.
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
