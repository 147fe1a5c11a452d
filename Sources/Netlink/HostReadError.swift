// SPDX-License-Identifier: GPL-3.0-or-later

internal import Glibc

/// The reason why something about the host could not be read: what was read, and the failure.
public enum HostReadError: Error, Sendable, Hashable {
  /// A socket could not be opened, written or read. `errno` is the system's error.
  case socket(String, errno: Int32)
  /// The kernel refused: the errno of `NLMSG_ERROR` or `NLMSG_DONE`, and the kernel's text if it gave one.
  case refused(String, errno: Int32, words: String?)
  /// No answer within the time limit.
  case timedOut(String)
  /// The answer does not have the format that the kernel's headers describe.
  case malformed(String)
  /// The answer is larger than the limit.
  case tooLarge(String)
  /// What was listed changed during each of these attempts (`NLM_F_DUMP_INTR`).
  case unstable(String, attempts: Int)
  /// A file or directory could not be read.
  case file(path: String, errno: Int32)
}

extension HostReadError: CustomStringConvertible {
  /// The error as one sentence for people, without a full stop.
  public var description: String {
    switch self {
    case .socket(let what, let errno): "\(what): \(Self.words(errno))"
    case .refused(let what, let errno, let words):
      "\(what): the kernel refused: \(Self.words(errno))\(words.map { " (\($0))" } ?? "")"
    case .timedOut(let what): "\(what): no answer in time"
    case .malformed(let what): "\(what): the answer is malformed"
    case .tooLarge(let what): "\(what): the answer is too large"
    case .unstable(let what, let attempts): "\(what): it changed during each of \(attempts) reads"
    case .file(let path, let errno): "\(path): \(Self.words(errno))"
    }
  }

  /// The C library's text for an error. Its buffer belongs to the thread (glibc 2.32 and later).
  private static func words(_ errno: Int32) -> String {
    guard let text = strerror(errno) else { return "error \(errno)" }
    return String(cString: text)
  }
}
