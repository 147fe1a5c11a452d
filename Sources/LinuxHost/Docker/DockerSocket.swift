// SPDX-License-Identifier: GPL-3.0-or-later

internal import Glibc

/// Docker's own interface, asked over its unix socket: one `GET` of HTTP/1.0 a connection, within limits of time and
/// size, so that a hung or hostile socket neither holds the program up nor makes it grow.
/// Source: Docker Engine API; RFC 1945 sections 5 and 6 (the answer ends where the server hangs up).
public struct DockerSocket: Sendable {
  /// Where Docker puts its socket, first looked at first.
  public static let defaultPaths = ["/run/docker.sock", "/var/run/docker.sock"]

  /// The most that is taken of an answer, its head included, in bytes.
  public static let limit = 4 << 20

  /// The socket's path.
  public let path: String

  /// A socket at a path.
  public init(path: String) { self.path = path }

  /// The first of these paths where there is a socket; nil where there is none, so no Docker, or one elsewhere.
  public static func find(_ paths: [String] = defaultPaths) -> DockerSocket? {
    paths.first { path in
      var status = stat()
      return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFSOCK
    }.map { DockerSocket(path: $0) }
  }

  /// The body of the answer to `GET resource` (such as `/info`), whole, within `milliseconds` in all. Any status but 200
  /// is an error, and so is an answer that ends before its `Content-Length`.
  public func get(_ resource: String, milliseconds: Int32 = 2000) throws(DockerError) -> [UInt8] {
    guard resource.hasPrefix("/"), resource.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else {
      throw .resource(resource)
    }
    let request = Array("GET \(resource) HTTP/1.0\r\nHost: docker\r\nAccept: application/json\r\n\r\n".utf8)
    let exchange: LocalExchange
    do throws(LocalExchange.Failure) {
      // The answer ends where the server hangs up.
      exchange = try LocalExchange(path, request, milliseconds: milliseconds, limit: Self.limit)
    } catch {
      switch error {
      case .socket(let errno): throw .socket(path, errno: errno)
      case .timedOut: throw .timedOut(path)
      case .tooLarge: throw .tooLarge(path)
      }
    }
    return try Answer(exchange.answer, path).body
  }

  /// An answer taken apart: `HTTP/1.x STATUS WORDS`, lines `NAME: VALUE`, an empty line, the body.
  struct Answer {
    let body: [UInt8]

    init(_ bytes: [UInt8], _ path: String) throws(DockerError) {
      guard let end = Self.headEnd(bytes) else { throw .malformed(path, "no end of its head") }
      let head = String(decoding: bytes[..<end.head], as: UTF8.self)
      var lines = head.split(whereSeparator: \.isNewline)
      let first = lines.removeFirstIfAny().split(separator: " ", maxSplits: 2)
      guard first.count >= 2, first[0].hasPrefix("HTTP/1."), let status = Int(first[1]) else {
        throw .malformed(path, "no HTTP status line")
      }
      var expected: Int?
      for line in lines {
        guard let colon = line.firstIndex(of: ":") else {
          throw .malformed(path, "a head line without a colon")
        }
        let value = line[line.index(after: colon)...].drop { $0 == " " || $0 == "\t" }
        switch line[..<colon].lowercased() {
        case "content-length":
          guard let length = Int(value), length >= 0 else {
            throw .malformed(path, "no number as its length")
          }
          expected = length
        // Never sent to one who speaks HTTP/1.0 (RFC 9112 section 6.1).
        case "transfer-encoding": throw .malformed(path, "a transfer encoding that was not asked for")
        default: break
        }
      }
      guard status == 200 else {
        throw .status(path, code: status, words: first.count > 2 ? String(first[2].prefix(80)) : "")
      }
      let body = bytes[end.body...]
      if let expected {
        guard body.count >= expected else { throw .malformed(path, "it ends too early") }
        self.body = Array(body.prefix(expected))
      } else {
        self.body = Array(body)
      }
    }

    /// Where the head ends and where the body begins.
    private static func headEnd(_ bytes: [UInt8]) -> (head: Int, body: Int)? {
      let (cr, lf) = (UInt8(ascii: "\r"), UInt8(ascii: "\n"))
      for index in bytes.indices.dropLast() where bytes[index] == lf {
        if bytes[index + 1] == lf { return (index, index + 2) }
        if bytes[index + 1] == cr, index + 2 < bytes.count, bytes[index + 2] == lf {
          return (index, index + 3)
        }
      }
      return nil
    }
  }
}

extension [Substring] {
  /// Takes the first line off; an empty one where there is none.
  fileprivate mutating func removeFirstIfAny() -> Substring { isEmpty ? "" : removeFirst() }
}

/// Why Docker could not be asked.
public enum DockerError: Error, Sendable, Hashable {
  /// What is to be got is no path of printable characters.
  case resource(String)
  /// Its socket could not be connected to, written or read. `errno` is the system's.
  case socket(String, errno: Int32)
  /// No whole answer within the time.
  case timedOut(String)
  /// The answer is larger than what is taken from anyone.
  case tooLarge(String)
  /// The answer is no HTTP, or not whole: what is wrong with it.
  case malformed(String, String)
  /// Docker answered that it will not: the HTTP status, and its words.
  case status(String, code: Int, words: String)
}

extension DockerError: CustomStringConvertible {
  /// The error as one sentence for people, without a full stop.
  public var description: String {
    switch self {
    case .resource(let resource): "\(resource.debugDescription) is nothing to ask Docker for"
    case .socket(let path, let errno):
      "\(path): \(strerror(errno).map { String(cString: $0) } ?? "error \(errno)")"
    case .timedOut(let path): "\(path): no answer in time"
    case .tooLarge(let path): "\(path): the answer is too large"
    case .malformed(let path, let what): "\(path): the answer is malformed: \(what)"
    case .status(let path, let code, let words): "\(path): it answers \(code) \(words)"
    }
  }
}
