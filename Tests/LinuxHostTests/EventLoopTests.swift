// SPDX-License-Identifier: GPL-3.0-or-later

import CTestSupport
import Glibc
import Netlink
import TestSupport
import Testing

@testable import LinuxHost

@Suite("Waiting for many events at once")
struct EventLoopTests {
  @Test("a ready descriptor is reported with its token and events, until it is removed")
  func poller() throws {
    let poller = try Poller()
    let wakeUp = try WakeUp()
    let token = UInt64.max - 1
    try poller.add(wakeUp.descriptor, .reading, token: token)
    #expect(try poller.wait(milliseconds: 0).isEmpty)
    wakeUp.raise()
    let ready = try poller.wait(milliseconds: 1000)
    #expect(ready.map(\.token) == [token] && ready.map(\.interest) == [.reading])
    #expect(ready.first?.isGone == false)
    wakeUp.acknowledge()
    #expect(try poller.wait(milliseconds: 0).isEmpty)
    try poller.change(wakeUp.descriptor, [.reading, .writing], token: 7)
    let writable = try poller.wait(milliseconds: 1000)
    #expect(writable.map(\.token) == [7] && writable.map(\.interest) == [.writing])
    poller.remove(wakeUp.descriptor)
    #expect(try poller.wait(milliseconds: 0).isEmpty)
    // The descriptor was removed.
    #expect(throws: SystemError.self) { try poller.change(wakeUp.descriptor, .reading, token: 7) }
  }

  @Test("the end of the peer is reported")
  func gone() throws {
    let poller = try Poller()
    var ends: [Int32] = [-1, -1]
    #expect(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0)
    defer { close(ends[0]) }
    try poller.add(ends[0], .reading, token: 1)
    close(ends[1])
    #expect(try poller.wait(milliseconds: 1000).first?.isGone == true)
  }

  @Test("a timer expires at its time, at once for a time in the past, and not after it was disarmed")
  func timer() throws {
    let poller = try Poller()
    let alarm = try AlarmClock()
    try poller.add(alarm.descriptor, .reading, token: 1)
    alarm.arm(-5)
    #expect(try poller.wait(milliseconds: 1000).count == 1)
    alarm.acknowledge()
    #expect(try poller.wait(milliseconds: 0).isEmpty)
    let moment = Clock.sinceBoot + 20_000_000
    alarm.arm(moment)
    #expect(try poller.wait(milliseconds: 5000).count == 1)
    #expect(Clock.sinceBoot >= moment)
    alarm.arm(nil)
    #expect(try poller.wait(milliseconds: 0).isEmpty)
  }

  @Test("the clocks are those of the machine, in nanoseconds")
  func clocks() {
    #expect(abs(Clock.sinceEpoch - Int64(time(nil)) * 1_000_000_000) < 5_000_000_000)
    let (before, early) = (Clock.sinceBoot, Clock.monotonicMilliseconds)
    usleep(20_000)
    #expect(Clock.sinceBoot - before >= 20_000_000)
    #expect(Clock.monotonicMilliseconds - early >= 19)
  }

  @Test("the three signals are read one by one")
  func signals() throws {
    try onOwnThread {
      let reader = try SignalReader()
      #expect(reader.next() == nil)
      pthread_kill(pthread_self(), SIGHUP)
      #expect(reader.next() == .reload)
      for number in [SIGTERM, SIGINT] {
        pthread_kill(pthread_self(), number)
        #expect(reader.next() == .end)
      }
      #expect(reader.next() == nil)
    }
  }

  @Test("released memory is mapped from the program file and was never written")
  func memory() throws {
    var program = [CChar](repeating: 0, count: 4096)
    #expect(readlink("/proc/self/exe", &program, program.count - 1) > 0)
    let path = program.withUnsafeBytes { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    let segments = Memory.unwrittenSegments()
    #expect(!segments.isEmpty)
    for line in try ProcFile.text("/proc/self/maps").split(separator: "\n") {
      let fields = line.split(separator: " ", maxSplits: 5)
      let bounds = fields[0].split(separator: "-").compactMap { UInt($0, radix: 16) }
      for segment in segments where segment.overlaps(bounds[0]..<bounds[1]) {
        #expect(fields[1].dropFirst().first == "-", "\(line) is writable")
        #expect(line.hasSuffix(path), "\(line) is not a part of \(path)")
      }
    }
    Memory.release()
    #expect(Memory.unwrittenSegments() == segments)
  }

  @Test("the service manager is notified at a path and at an abstract name")
  func serviceManager() throws {
    let path = "/tmp/wgfence-notify-\(getpid())"
    for name in [path, "@wgfence-notify-\(getpid())"] {
      let manager = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
      defer { close(manager) }
      let address = try #require(UnixAddress(notification: Array(name.utf8)))
      #expect(address.withPointer { bind(manager, $0, $1) } == 0)
      setenv("NOTIFY_SOCKET", name, 1)
      ServiceManager.notify("READY=1\nSTATUS=in force…")
      var bytes = [UInt8](repeating: 0, count: 100)
      let count = recv(manager, &bytes, bytes.count, Int32(MSG_DONTWAIT))
      #expect(String(decoding: bytes.prefix(max(0, count)), as: UTF8.self) == "READY=1\nSTATUS=in force…")
    }
    unlink(path)
    // These are not valid names, or nothing listens at them.
    for name in ["", "relative", "/nowhere/socket", String(repeating: "/x", count: 60)] {
      setenv("NOTIFY_SOCKET", name, 1)
      ServiceManager.notify("READY=1")
    }
    unsetenv("NOTIFY_SOCKET")
    ServiceManager.notify("READY=1")
  }
}
