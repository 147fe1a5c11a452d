// SPDX-License-Identifier: GPL-3.0-or-later

import Glibc
import Testing

@testable import LinuxHost

struct DockerSocketTests {
  @Test(
    "The body of an answer is returned completely",
    arguments: [
      ("HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n{\"ID\":\"x\"}", "{\"ID\":\"x\"}"),
      ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]and more", "[]"),
      ("HTTP/1.0 200\n\n[]", "[]"),
      ("HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n", ""),
    ])
  func whole(answer: String, body: String) throws {
    let server = try FakeDocker(.answer(Array(answer.utf8)))
    #expect(try DockerSocket(path: server.path).get("/info") == Array(body.utf8))
    #expect(server.requests() == ["GET /info HTTP/1.0\r\nHost: docker\r\nAccept: application/json\r\n\r\n"])
  }

  @Test(
    "An answer that is not HTTP, not complete or not a success is an error",
    arguments: [
      ("", "the end of its header section is missing"), ("hello\n\n", "it has no HTTP status line"),
      ("\n\n", "it has no HTTP status line"),
      ("HTTP/1.0 200 OK\r\nContent-Length: 9\r\n\r\n[]", "it is shorter than its Content-Length"),
      ("HTTP/1.0 200 OK\r\nContent-Length: -1\r\n\r\n[]", "its Content-Length is not a number"),
      ("HTTP/1.0 200 OK\r\nnonsense\r\n\r\n[]", "a header line has no colon"),
      (
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\n\r\n",
        "it has an unexpected Transfer-Encoding"
      ),
    ])
  func malformed(answer: String, what: String) throws {
    let server = try FakeDocker(.answer(Array(answer.utf8)))
    #expect(throws: DockerError.malformed(server.path, what)) {
      try DockerSocket(path: server.path).get("/info")
    }
  }

  @Test("The error for another status than 200 contains Docker's text")
  func refusal() throws {
    let server = try FakeDocker(.answer(Array("HTTP/1.0 404 Not Found\r\n\r\n{}".utf8)))
    #expect(throws: DockerError.status(server.path, code: 404, words: "Not Found")) {
      try DockerSocket(path: server.path).get("/nothing")
    }
  }

  @Test("A socket that never answers blocks for the given time and not longer")
  func silent() throws {
    let server = try FakeDocker(.silence)
    let time = ContinuousClock().measure {
      #expect(throws: DockerError.timedOut(server.path)) {
        try DockerSocket(path: server.path).get("/info", milliseconds: 200)
      }
    }
    #expect(time < .seconds(2))
  }

  @Test("A socket that answers endlessly, one byte at a time, blocks for the given time and not longer")
  func trickle() throws {
    let server = try FakeDocker(.trickle)
    let time = ContinuousClock().measure {
      #expect(throws: DockerError.timedOut(server.path)) {
        try DockerSocket(path: server.path).get("/info", milliseconds: 200)
      }
    }
    #expect(time < .seconds(2))
  }

  @Test("An endless answer is abandoned at the limit")
  func endless() throws {
    let server = try FakeDocker(.flood)
    #expect(throws: DockerError.tooLarge(server.path)) {
      try DockerSocket(path: server.path).get("/info", milliseconds: 20_000)
    }
  }

  @Test("An invalid path is not sent", arguments: ["info", "", "/in fo", "/a\r\nHost: b", "/ü"])
  func resource(text: String) {
    #expect(throws: DockerError.resource(text)) { try DockerSocket(path: "/nonexistent").get(text) }
  }

  @Test("A missing socket, or one without a listener, is an error with the system's text")
  func missing() throws {
    let server = try FakeDocker(.silence)
    #expect(DockerSocket.find(["/nonexistent", "/etc/passwd", server.path])?.path == server.path)
    #expect(DockerSocket.find(["/nonexistent", "/etc/passwd"]) == nil)
    let error = #expect(throws: DockerError.self) { try DockerSocket(path: "/nonexistent").get("/info") }
    #expect(error?.description == "/nonexistent: No such file or directory")
  }
}

/// A socket in a separate directory whose server answers one connection with the given behaviour. Both are
/// deleted with the value.
final class FakeDocker {
  enum Behaviour {
    case answer([UInt8])
    case silence
    case trickle
    case flood
  }

  let path: String
  private let folder: String
  private let listener: Int32
  private let served: Served
  private var thread = pthread_t()

  /// The state of the server's thread. It is read after the thread has ended.
  private final class Served {
    let listener: Int32
    let behaviour: Behaviour
    var request: [UInt8] = []

    init(_ listener: Int32, _ behaviour: Behaviour) {
      (self.listener, self.behaviour) = (listener, behaviour)
    }

    func run() {
      let client = accept(listener, nil, nil)
      guard client >= 0 else { return }
      defer { close(client) }
      var buffer = [UInt8](repeating: 0, count: 4096)
      let taken = read(client, &buffer, buffer.count)
      request = Array(buffer.prefix(max(taken, 0)))
      func send(_ bytes: [UInt8]) -> Bool {
        Glibc.send(client, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count
      }
      switch behaviour {
      case .answer(let bytes): _ = send(bytes)
      // Until the client closes the connection.
      case .silence: _ = read(client, &buffer, buffer.count)
      case .trickle: while send([0x20]) { usleep(10_000) }
      case .flood: while send(buffer) {}
      }
    }
  }

  init(_ behaviour: Behaviour) throws {
    var template = Array("/tmp/wgfence-docker-XXXXXX".utf8CString)
    let made: String? = template.withUnsafeMutableBufferPointer { name in
      name.baseAddress.flatMap { mkdtemp($0) }.map { String(cString: $0) }
    }
    let folder = try #require(made)
    let path = "\(folder)/docker.sock"
    let listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    let served = Served(listener, behaviour)
    (self.folder, self.path, self.listener, self.served) = (folder, path, listener, served)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
    let bound = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(listener, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    try #require(bound == 0 && Glibc.listen(listener, 1) == 0)
    let code = pthread_create(
      &thread, nil,
      { argument in
        guard let argument else { return nil }
        Unmanaged<Served>.fromOpaque(argument).takeRetainedValue().run()
        return nil
      }, Unmanaged.passRetained(served).toOpaque())
    isRunning = code == 0
    try #require(isRunning)
  }

  /// The requests, after the connection has ended.
  func requests() -> [String] {
    join()
    return [String(decoding: served.request, as: UTF8.self)]
  }

  private var isRunning = false

  private func join() {
    if isRunning { pthread_join(thread, nil) }
    isRunning = false
  }

  deinit {
    // Ends a server that got no request.
    shutdown(listener, Int32(SHUT_RDWR))
    join()
    close(listener)
    unlink(path)
    rmdir(folder)
  }
}
