// SPDX-License-Identifier: GPL-3.0-or-later

internal import Glibc

/// The terminal that text is written to.
public enum Terminal {
  /// The number of columns of the terminal behind a descriptor, or that the variable `COLUMNS` says; nil if it is no terminal.
  public static func columns(_ descriptor: Int32) -> Int? {
    if let value = getenv("COLUMNS"), let columns = Int(String(cString: value)), columns > 0 {
      return columns
    }
    var size = winsize()
    guard isatty(descriptor) == 1, ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else {
      return nil
    }
    return Int(size.ws_col)
  }
}
