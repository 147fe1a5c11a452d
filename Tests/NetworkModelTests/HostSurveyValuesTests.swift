// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel
import Testing

private let hex = String(repeating: "0123456789abcdef", count: 4)

struct HostSurveyValuesTests {
  private static let empty = HostSnapshot(interfaces: [], listeners: [])

  private static func namespace(_ identity: UInt64, _ kind: NamespaceSnapshot.Kind) -> NamespaceSnapshot {
    NamespaceSnapshot(identity: identity, kind: kind, snapshot: empty)
  }

  private static func process(container: String?) -> ProcessIdentity {
    ProcessIdentity(pid: 812, name: "nginx", userID: 0, unit: nil, container: container)
  }

  @Test("The host's namespace is first, the others are ordered by identity")
  func order() {
    let survey = HostSurvey(
      host: Self.namespace(9, .host),
      others: [Self.namespace(7, .named("blue")), Self.namespace(3, .named("red"))])
    #expect(survey.namespaces.map(\.identity) == [9, 3, 7])
    #expect(survey.namespace(9)?.kind == .host)
    #expect(survey.namespace(7)?.kind == .named("blue"))
    #expect(survey.namespace(8) == nil)
  }

  @Test("The container of a process has its details from the survey, or only its id")
  func containers() {
    let known = ContainerIdentity(id: hex, name: "db", image: "postgres:16")
    let named = HostSurvey(host: Self.namespace(9, .host), others: [], containers: [hex: known])
    let nameless = HostSurvey(host: Self.namespace(9, .host), others: [])
    #expect(named.container(of: Self.process(container: hex)) == known)
    #expect(nameless.container(of: Self.process(container: hex)) == ContainerIdentity(id: hex))
    #expect(named.container(of: Self.process(container: nil)) == nil)
  }

  @Test(
    "The description of a namespace says what it belongs to",
    arguments: [
      (.host, "host"), (.container(ContainerIdentity(id: hex, name: "db")), "container db"),
      (.container(ContainerIdentity(id: hex)), "container 0123456789ab"), (.named("blue"), "namespace blue"),
      (.process(process(container: nil)), "process nginx (812)"),
    ] as [(NamespaceSnapshot.Kind, String)])
  func description(kind: NamespaceSnapshot.Kind, expected: String) {
    #expect(kind.description == expected)
  }

  @Test("A namespace that could not be read is reported with the reason")
  func notes() {
    let note = HostNote.namespaceUnread(
      .named("blue"), identity: 7, reason: "entering the network namespace: no")
    #expect(
      note.description
        == "the network namespace 7 (namespace blue) could not be read: entering the network namespace: no: "
        + "its listening sockets are not listed"
    )
  }
}
