// SPDX-License-Identifier: GPL-3.0-or-later

/// Answers HTTP/1.1 requests (RFC 9110, RFC 9112) for `/metrics`, one on each connection. Works on bytes
/// alone: it opens no socket.
public enum MetricsResponder {
  /// The maximum size of a request's header section, in bytes.
  public static let mostBytes = 8 << 10

  /// The complete answer to the bytes received so far; nil if the header section is not complete yet.
  public static func answer(_ request: [UInt8], metrics: () -> String) -> [UInt8]? {
    let end = headEnd(request)
    if (end ?? request.count) > mostBytes { return response("431 Request Header Fields Too Large") }
    guard end != nil else { return nil }
    let line = request.prefix { $0 != 0x0d && $0 != 0x0a }
    let words = String(decoding: line, as: UTF8.self).split(separator: " ", omittingEmptySubsequences: false)
    guard words.count == 3, !words[0].isEmpty, words[1].hasPrefix("/"),
      words[2] == "HTTP/1.1" || words[2] == "HTTP/1.0"
    else { return response("400 Bad Request") }
    guard words[1].prefix(while: { $0 != "?" }) == "/metrics" else { return response("404 Not Found") }
    switch words[0] {
    case "GET", "HEAD":
      let body = metrics()
      return response(
        "200 OK", body, type: "text/plain; version=0.0.4; charset=utf-8", shown: words[0] == "GET" ? body : ""
      )
    default: return response("405 Method Not Allowed", more: "Allow: GET, HEAD\r\n")
    }
  }

  /// The number of bytes up to the end of the empty line after the header section.
  private static func headEnd(_ bytes: [UInt8]) -> Int? {
    let mark: [UInt8] = [0x0d, 0x0a, 0x0d, 0x0a]
    guard bytes.count >= 4 else { return nil }
    return (0...(bytes.count - 4)).first { bytes[$0] == 0x0d && bytes[$0..<($0 + 4)].elementsEqual(mark) }
      .map { $0 + 4 }
  }

  private static func response(_ status: String, more: String = "") -> [UInt8] {
    response(status, status + "\n", type: "text/plain", more: more, shown: status + "\n")
  }

  private static func response(
    _ status: String, _ body: String, type: String, more: String = "", shown: String
  ) -> [UInt8] {
    Array(
      ("HTTP/1.1 \(status)\r\nContent-Type: \(type)\r\nContent-Length: \(body.utf8.count)\r\n\(more)"
        + "Connection: close\r\n\r\n\(shown)").utf8)
  }
}
