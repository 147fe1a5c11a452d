// SPDX-License-Identifier: GPL-3.0-or-later

import CTestSupport
import Glibc
import NetworkModel
import TestSupport
import Testing

@testable import LinuxHost

@Suite(.enabled(if: OwnNamespace.isPermitted, "network namespaces cannot be created here"))
struct HostSurveyTests {
  /// A program in a separate network namespace that listens on a TCP port and has set `lo` up.
  private static func stranger(port: Int, extra: String = "") throws -> Program {
    try Program([
      "/usr/bin/unshare", "-n", "/usr/bin/python3", "-c",
      """
      import socket, subprocess, time
      subprocess.run(['ip', 'link', 'set', 'lo', 'up'])
      s = socket.create_server(('0.0.0.0', \(port)))
      \(extra)
      time.sleep(60)
      """,
    ])
  }

  /// The namespace of this program, when its socket listens.
  private static func namespace(of program: Program, in survey: HostSurvey) -> NamespaceSnapshot? {
    survey.others.first { $0.snapshot.listeners.contains { $0.process?.pid == program.pid } }
  }

  @Test("A listener in another network namespace is found, with its process, interfaces and namespace")
  func stranger() throws {
    try OwnNamespace.run {
      let program = try Self.stranger(port: 4301)
      let own = try TestSocket(SOCK_DGRAM, "127.0.0.1")
      let before = try #require(NetworkNamespace.identity)
      let (survey, found) = try eventually {
        let survey = try HostReader.survey()
        return Self.namespace(of: program, in: survey).map { (survey, $0) }
      }
      #expect(NetworkNamespace.identity == before)
      #expect(survey.host.identity == before)
      #expect(survey.host.kind == .host)
      #expect(survey.host.snapshot.listeners.map(\.port) == [own.port])
      #expect(found.identity != before)
      #expect(found.snapshot.listeners.map(\.port) == [4301])
      #expect(found.snapshot.listeners.first?.process?.name == "python3")
      #expect(found.snapshot.interface(named: .loopback)?.state == .up)
      guard case .process(let process) = found.kind else {
        Issue.record("\(found.kind)")
        return
      }
      #expect(process.pid == program.pid)
      #expect(survey.namespace(found.identity) == found)
      withExtendedLifetime((program, own)) {}
    }
  }

  @Test("A connection that a program opened is read with its process, and not at its receiver")
  func opened() throws {
    try OwnNamespace.run {
      let program = try Program([
        "/usr/bin/unshare", "-n", "/usr/bin/python3", "-c",
        """
        import socket, subprocess, time
        subprocess.run(['ip', 'link', 'set', 'lo', 'up'])
        subprocess.run(['ip', 'address', 'add', '192.0.2.1/32', 'dev', 'lo'])
        receiver = socket.create_server(('0.0.0.0', 4310))
        local = [socket.create_connection(('127.0.0.1', 4310)), receiver.accept()]
        sender = [socket.create_connection(('192.0.2.1', 4310)), receiver.accept()]
        asking = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        asking.connect(('192.0.2.1', 53))
        time.sleep(60)
        """,
      ])
      let found = try eventually {
        let survey = try HostReader.survey(sockets: .listeningAndOpened)
        return Self.namespace(of: program, in: survey).flatMap { $0.snapshot.opened.count == 2 ? $0 : nil }
      }
      #expect(found.snapshot.opened.map(\.transport) == [.tcp, .udp])
      #expect(found.snapshot.opened.map(\.sent.destinationPort) == [4310, 53])
      #expect(found.snapshot.opened.allSatisfy { $0.process?.pid == program.pid })
      #expect(found.snapshot.opened.allSatisfy { $0.sent.destination == IPAddress("192.0.2.1") })
      // They are read only if they are wanted.
      #expect(Self.namespace(of: program, in: try HostReader.survey())?.snapshot.opened == [])
      withExtendedLifetime(program) {}
    }
  }

  @Test("A veth pair is reported from both ends, with the bridge, and a macvlan with its parent")
  func attachments() throws {
    try OwnNamespace.run {
      let program = try Self.stranger(port: 4302)
      _ = try eventually { Self.namespace(of: program, in: try HostReader.survey()) }
      try Program.run(
        "/bin/sh", "-ec",
        """
        ip link add br-test type bridge
        ip link add vhost type veth peer name eth0 netns \(program.pid)
        ip link set vhost master br-test
        ip link add lower type veth peer name other
        ip link add name eth1 link lower netns \(program.pid) type macvlan mode bridge
        """)
      let survey = try HostReader.survey()
      let inside = try #require(Self.namespace(of: program, in: survey))
      let host = survey.host
      func name(_ text: String) throws -> InterfaceName { try #require(InterfaceName(text)) }
      #expect(
        inside.attachment(of: try name("eth0"))
          == InterfaceAttachment(
            interface: try name("eth0"), kind: .pair, namespace: host.identity, link: try name("vhost"),
            master: try name("br-test")))
      #expect(
        inside.attachment(of: try name("eth1"))
          == InterfaceAttachment(
            interface: try name("eth1"), kind: .parent, namespace: host.identity, link: try name("lower"),
            master: nil))
      #expect(
        host.attachment(of: try name("vhost"))
          == InterfaceAttachment(
            interface: try name("vhost"), kind: .pair, namespace: inside.identity, link: try name("eth0"),
            master: nil))
      #expect(
        host.attachment(of: try name("lower"))
          == InterfaceAttachment(
            interface: try name("lower"), kind: .pair, namespace: host.identity, link: try name("other"),
            master: nil))
      #expect(inside.attachment(of: .loopback) == nil)
      withExtendedLifetime(program) {}
    }
  }

  @Test("A pair between two namespaces other than the host's is reported")
  func strangersAmongThemselves() throws {
    try OwnNamespace.run {
      let one = try Self.stranger(port: 4303)
      let two = try Self.stranger(port: 4304)
      func both() throws -> (NamespaceSnapshot, NamespaceSnapshot)? {
        let survey = try HostReader.survey()
        guard let first = Self.namespace(of: one, in: survey),
          let second = Self.namespace(of: two, in: survey)
        else { return nil }
        return (first, second)
      }
      _ = try eventually(both)
      try Program.run(
        "/bin/sh", "-ec",
        """
        ip link add left type veth peer name right
        ip link set left netns \(one.pid)
        ip link set right netns \(two.pid)
        """)
      let (first, second) = try #require(try both())
      #expect(first.attachments.map(\.namespace) == [second.identity])
      #expect(first.attachments.map(\.link) == [InterfaceName("right")])
      #expect(second.attachments.map(\.namespace) == [first.identity])
      #expect(second.attachments.map(\.link) == [InterfaceName("left")])
      withExtendedLifetime((one, two)) {}
    }
  }

  @Test("A namespace that only a file keeps alive is found with the file's name")
  func kept() throws {
    try OwnNamespace.run {
      // The mount is visible to this thread only, and ends with it.
      #expect(ctest_unshare_mount_namespace() == 0)
      try Program.run(
        "/bin/sh", "-ec",
        """
        mount -t tmpfs none /run
        ip netns add 'blue space'
        ip -n 'blue space' link set lo up
        ip -n 'blue space' link add eth7 type veth peer name eth8
        """)
      let survey = try HostReader.survey()
      let blue = try #require(survey.others.first { $0.kind == .named("blue space") })
      #expect(blue.snapshot.interfaces.map(\.name.description) == ["lo", "eth8", "eth7"])
      #expect(blue.snapshot.listeners.isEmpty)
    }
  }

  @Test("A container is found by the control group of its processes, in its own namespace and in the host's")
  func containers() throws {
    let hex = String(repeating: "0123456789abcde", count: 4) + "f00d"
    try OwnNamespace.run {
      let root = ["/sys/fs/cgroup/pids", "/sys/fs/cgroup"].first { access("\($0)/cgroup.procs", W_OK) == 0 }
      guard let root else {
        print("skipped: no control group hierarchy can be written here")
        return
      }
      let group = "\(root)/wgfence-test-\(getpid())"
      try Program.run("/bin/mkdir", "-p", "\(group)/\(hex)")
      defer {
        for directory in ["\(group)/\(hex)", group] {
          _ = try? eventually { rmdir(directory) == 0 ? true : nil }
        }
      }
      let program = try Self.stranger(port: 4307)
      let onHost = try Program(["/bin/sleep", "60"])
      defer { for one in [program, onHost] { one.end() } }
      for one in [program, onHost] {
        try Program.run("/bin/sh", "-c", "echo \(one.pid) > \(group)/\(hex)/cgroup.procs")
      }
      let (survey, inside) = try eventually {
        let survey = try HostReader.survey(engines: [])
        return Self.namespace(of: program, in: survey).map { (survey, $0) }
      }
      #expect(inside.kind == .container(ContainerIdentity(id: hex)))
      #expect(inside.containers == [hex])
      #expect(inside.snapshot.listeners.first?.process?.container == hex)
      #expect(survey.host.kind == .host)
      #expect(survey.host.containers == [hex])
      #expect(survey.containers[hex] == ContainerIdentity(id: hex))

      let engine = try FakeDocker(
        .answer(Array("HTTP/1.0 200 OK\r\n\r\n[{\"Id\": \"\(hex)\", \"Names\": [\"/shop-db-1\"]}]".utf8)))
      let named = try HostReader.survey(engines: ["/nowhere", engine.path])
      let database = ContainerIdentity(id: hex, name: "shop-db-1")
      #expect(Self.namespace(of: program, in: named)?.kind == .container(database))
      #expect(named.containers[hex] == database)
      let listener = Self.namespace(of: program, in: named)?.snapshot.listeners.first
      #expect(listener?.process.flatMap { named.container(of: $0) } == database)
    }
  }

  @Test("Without the privilege to enter them, other namespaces cause notes and the own one is read")
  func forbidden() throws {
    try OwnNamespace.run {
      let program = try Self.stranger(port: 4305)
      let socket = try TestSocket(SOCK_DGRAM, "127.0.0.1")
      let whole = try eventually {
        let survey = try HostReader.survey()
        return Self.namespace(of: program, in: survey) == nil ? nil : survey
      }
      let identity = try #require(Self.namespace(of: program, in: whole)?.identity)
      #expect(ctest_drop_capabilities() == 0)
      let survey = try HostReader.survey()
      #expect(survey.namespace(identity) == nil)
      #expect(survey.host.snapshot.listeners.map(\.port) == [socket.port])
      // Without the privilege to read other processes the namespace is not found; otherwise it cannot be
      // entered.
      #expect(
        survey.notes.contains {
          switch $0 {
          case .namespaceUnread(_, identity, _): true
          case .namespacesUnknown(let processes): processes > 0
          default: false
          }
        })
      withExtendedLifetime((program, socket)) {}
    }
  }

  @Test("Namespaces that are created and deleted during the survey are skipped")
  func races() throws {
    try OwnNamespace.run {
      let churn = try Program([
        "/bin/sh", "-c", "while :; do unshare -n true & unshare -n sleep 0.01 & wait; done",
      ])
      let program = try Self.stranger(port: 4306)
      _ = try eventually { Self.namespace(of: program, in: try HostReader.survey()) }
      for _ in 0..<50 {
        let survey = try HostReader.survey()
        #expect(Self.namespace(of: program, in: survey) != nil)
      }
      withExtendedLifetime((churn, program)) {}
    }
  }

  @Test(
    "The files that keep a network namespace alive are read from the mount table",
    arguments: [
      ("300 40 0:4 net:[4026532281] /run/netns/blue rw - nsfs nsfs rw", "/run/netns/blue", "blue"),
      (
        "300 40 0:4 net:[4026532281] /run/netns/a\\040b rw shared:5 - nsfs nsfs rw", "/run/netns/a b", "a b"
      ),
      (
        "1 2 0:4 net:[4026532281] /x rw - nsfs nsfs rw\n3 2 0:4 net:[4026532281] /run/netns/y rw - nsfs nsfs rw",
        "/run/netns/y", "y"
      ),
      ("1 2 0:4 mnt:[4026532281] /run/netns/x rw - nsfs nsfs rw", nil, nil),
      ("1 2 0:4 net:[] /run/netns/x rw - nsfs nsfs rw", nil, nil), ("net:[4026532281]", nil, nil),
      ("", nil, nil),
    ] as [(String, String?, String?)])
  func mountTable(text: String, path: String?, name: String?) {
    let files = NamespaceFiles(mountinfo: text).files
    #expect(files[4_026_532_281]?.path == path)
    #expect(files[4_026_532_281]?.name == name)
    #expect(files.count == (path == nil ? 0 : 1))
  }
}
