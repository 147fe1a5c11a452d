// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel

/// The section `tests`.
extension PolicyDecoder {
  /// The services that a test expects to be let in, or not.
  private enum Expectation {
    case services([Service])
    /// Every service that a line names.
    case all
  }

  /// Reads the tests. `all` is expanded at the end, when every line has been read.
  mutating func decodeTests(_ top: Fields) -> [PolicyTest] {
    var drafts: [(ends: Ends, over: String?, allow: Expectation, deny: Expectation, mark: Mark)] = []
    for node in lines(top, "tests") {
      guard let fields = fields(node, "a test", of: .test) else { continue }
      let to = required(fields, "to")
      let from = required(fields, "from")
      var arrival: ArrivalZone?
      if let node = fields["over"] { arrival = arrivalZone(node, to: to) }
      // With an invalid `over`, the ends are not checked: a valid one can make pairs without a common tunnel
      // possible.
      let ends =
        fields["over"] != nil && arrival == nil
        ? Ends() : ends(to: to, from: from, over: arrival, for: .test)
      if fields["allow"] == nil, fields["deny"] == nil {
        log.error(
          fields.mark, "a test needs 'allow' or 'deny'",
          help: "list services there, or write 'all'")
      }
      let allow = expectation(fields["allow"], "'allow'")
      let deny = expectation(fields["deny"], "'deny'")
      if let node = fields["deny"] { checkContradiction(allow, deny, node) }
      let over: String? =
        switch arrival {
        case .zone(let name): name
        case .tunnel(let index): tunnels[index].name.description
        case nil: nil
        }
      for (to, from) in ends.parts {
        lineMarks["tests", default: []].append(node.mark)
        drafts.append((Ends(to: to, from: from), over, allow, deny, node.mark))
      }
    }
    let all = lineServices.values.sorted { $0.name < $1.name }
    return drafts.map { draft in
      PolicyTest(
        from: draft.ends.from, to: draft.ends.to, over: draft.over, allow: Self.services(draft.allow, all),
        deny: Self.services(draft.deny, all), location: location(draft.mark))
    }
  }

  private static func services(_ expectation: Expectation, _ all: [Service]) -> [Service] {
    switch expectation {
    case .services(let services): services
    case .all: all
    }
  }

  private mutating func expectation(_ node: YamlNode?, _ what: String) -> Expectation {
    guard let node else { return .services([]) }
    if case .text("all") = node.content { return .all }
    if case .list(let nodes) = node.content, nodes.count == 1, case .text("all") = nodes[0].content {
      return .all
    }
    if case .list(let nodes) = node.content, nodes.isEmpty { return .services([]) }
    return .services(lineServices(node, what))
  }

  private mutating func checkContradiction(_ allow: Expectation, _ deny: Expectation, _ node: YamlNode) {
    let clash: String?
    switch (allow, deny) {
    case (.services(let allow), .services(let deny)):
      clash = deny.first { denied in allow.contains { $0.name == denied.name } }?.name
    case (.all, .services(let one)), (.services(let one), .all): clash = one.first?.name
    case (.all, .all): clash = "all"
    }
    if let clash {
      log.error(
        node.mark, "'\(clash)' is both in 'allow' and in 'deny'", help: "no policy can pass this test")
    }
  }
}
