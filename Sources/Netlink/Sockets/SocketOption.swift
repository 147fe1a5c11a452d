// SPDX-License-Identifier: GPL-3.0-or-later

internal import Glibc

/// Socket options that are plain values: setsockopt(2), getsockopt(2).
package enum SocketOption {
  /// Sets an option. Returns false with `errno` set if it fails.
  @discardableResult
  package static func set(
    _ descriptor: Int32, level: Int32, _ option: Int32, to value: some BitwiseCopyable
  ) -> Bool {
    withUnsafeBytes(of: value) {
      setsockopt(descriptor, level, option, $0.baseAddress, socklen_t($0.count)) == 0
    }
  }

  /// Reads an option into a value with the kernel's layout. Returns false with `errno` set if it fails.
  package static func get(
    _ descriptor: Int32, level: Int32, _ option: Int32, into value: inout some BitwiseCopyable
  ) -> Bool {
    withUnsafeMutableBytes(of: &value) {
      var length = socklen_t($0.count)
      return getsockopt(descriptor, level, option, $0.baseAddress, &length) == 0
    }
  }
}
