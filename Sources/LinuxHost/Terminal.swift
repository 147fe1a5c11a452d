// SPDX-License-Identifier: GPL-3.0-or-later

internal import Glibc
public import NetworkModel

/// The terminal or file that text is written to.
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

  /// Whether colours are written to a descriptor: to a terminal that has them, and never with `NO_COLOR` (no-color.org), which
  /// has precedence over `CLICOLOR_FORCE`.
  public static func colours(_ descriptor: Int32) -> PrintableText.Colours {
    func isSet(_ name: String) -> Bool { getenv(name).map { $0.pointee != 0 } ?? false }
    if isSet("NO_COLOR") { return .leftOut }
    if isSet("CLICOLOR_FORCE") { return .written }
    if let value = getenv("TERM"), String(cString: value) == "dumb" { return .leftOut }
    return isatty(descriptor) == 1 ? .written : .leftOut
  }

  /// Writes text in the width and with the colours of a descriptor. False if it could not be written completely: the reader
  /// closed the pipe, or the disk is full.
  public static func write(_ text: PrintableText, to descriptor: Int32) -> Bool {
    var text = text.text(columns: columns(descriptor), colours: colours(descriptor))
    return text.withUTF8 { bytes in
      var rest = UnsafeRawBufferPointer(bytes)
      while !rest.isEmpty {
        let count = Glibc.write(descriptor, rest.baseAddress, rest.count)
        if count < 0 {
          if errno == EINTR { continue }
          return false
        }
        rest = UnsafeRawBufferPointer(rebasing: rest[count...])
      }
      return true
    }
  }
}
