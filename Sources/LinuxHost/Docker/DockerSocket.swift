// SPDX-License-Identifier: GPL-3.0-or-later

internal import Glibc

/// A client for Docker's API on its unix socket: one `GET` with HTTP/1.0 on each connection, with limits for
/// time and size, so that a socket that hangs or is hostile can neither block the program nor make it use
/// much memory. Source: Docker Engine API; RFC 1945 sections 5 and 6 (the answer ends when the server closes
/// the connection).
public struct DockerSocket: Sendable {
  /// The usual paths of Docker's socket, in the order in which they are tried.
  public static let defaultPaths = ["/run/docker.sock", "/var/run/docker.sock"]

  /// The maximum size of an answer including its header section, in bytes.
  public static let limit = 4 << 20

  /// The socket's path.
  public let path: String

  /// A socket at a path.
  public init(path: String) { self.path = path }

  /// The first of these paths that is a socket; nil if none is: Docker is not installed, or its socket has
  /// another path.
  public static func find(_ paths: [String] = defaultPaths) -> DockerSocket? {
    paths.first { path in
      var status = stat()
      return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFSOCK
    }.map { DockerSocket(path: $0) }
  }

  /// The complete body of the answer to `GET resource` (such as `/info`), within `milliseconds` in total. A
  /// status other than 200 is an error, and so is an answer that is shorter than its `Content-Length`.
  public func get(_ resource: String, milliseconds: Int32 = 2000) throws(DockerError) -> [UInt8] {
    guard resource.hasPrefix("/"), resource.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else {
      throw .resource(resource)
    }
    let request = Array("GET \(resource) HTTP/1.0\r\nHost: docker\r\nAccept: application/json\r\n\r\n".utf8)
    let exchange: LocalExchange
    do throws(LocalExchange.Failure) {
      // The answer ends when the server closes the connection.
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

  /// A parsed answer: `HTTP/1.x STATUS WORDS`, lines `NAME: VALUE`, an empty line, the body.
  struct Answer {
    let body: [UInt8]

    init(_ bytes: [UInt8], _ path: String) throws(DockerError) {
      guard let end = Self.headEnd(bytes) else {
        throw .malformed(path, "the end of its header section is missing")
      }
      let head = String(decoding: bytes[..<end.head], as: UTF8.self)
      var lines = head.split(whereSeparator: \.isNewline)
      let first = lines.removeFirstIfAny().split(separator: " ", maxSplits: 2)
      guard first.count >= 2, first[0].hasPrefix("HTTP/1."), let status = Int(first[1]) else {
        throw .malformed(path, "it has no HTTP status line")
      }
      var expected: Int?
      for line in lines {
        guard let colon = line.firstIndex(of: ":") else {
          throw .malformed(path, "a header line has no colon")
        }
        let value = line[line.index(after: colon)...].drop { $0 == " " || $0 == "\t" }
        switch line[..<colon].lowercased() {
        case "content-length":
          guard let length = Int(value), length >= 0 else {
            throw .malformed(path, "its Content-Length is not a number")
          }
          expected = length
        // Must not be sent to an HTTP/1.0 client (RFC 9112 section 6.1).
        case "transfer-encoding": throw .malformed(path, "it has an unexpected Transfer-Encoding")
        default: break
        }
      }
      guard status == 200 else {
        throw .status(path, code: status, words: first.count > 2 ? String(first[2].prefix(80)) : "")
      }
      let body = bytes[end.body...]
      if let expected {
        guard body.count >= expected else { throw .malformed(path, "it is shorter than its Content-Length") }
        self.body = Array(body.prefix(expected))
      } else {
        self.body = Array(body)
      }
    }

    /// The offsets of the end of the header section and of the start of the body.
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
  /// Removes and returns the first line; empty if there is none.
  fileprivate mutating func removeFirstIfAny() -> Substring { isEmpty ? "" : removeFirst() }
}

/// The reason why Docker could not be queried.
public enum DockerError: Error, Sendable, Hashable {
  /// The resource is not a path of printable characters.
  case resource(String)
  /// Its socket could not be connected to, written or read. `errno` is the system's.
  case socket(String, errno: Int32)
  /// No complete answer within the time limit.
  case timedOut(String)
  /// The answer is larger than the limit.
  case tooLarge(String)
  /// The answer is not valid HTTP, or not complete: what is wrong with it.
  case malformed(String, String)
  /// Docker answered with another status than 200: the HTTP status and its text.
  case status(String, code: Int, words: String)
}

extension DockerError: CustomStringConvertible {
  /// The error as one sentence for people, without a full stop.
  public var description: String {
    switch self {
    case .resource(let resource): "\(resource.debugDescription) is not a valid path for a Docker request"
    case .socket(let path, let errno):
      "\(path): \(strerror(errno).map { String(cString: $0) } ?? "error \(errno)")"
    case .timedOut(let path): "\(path): no answer in time"
    case .tooLarge(let path): "\(path): the answer is too large"
    case .malformed(let path, let what): "\(path): the answer is malformed: \(what)"
    case .status(let path, let code, let words): "\(path): the answer has HTTP status \(code) \(words)"
    }
  }
}
