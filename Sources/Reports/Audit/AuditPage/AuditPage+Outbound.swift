// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import OutboundAnalysis
internal import PacketWalk

/// What the host and its guests may send, and the connections to other hosts.
extension AuditPage {
  /// The section; nothing if outbound traffic was not evaluated.
  var outboundSection: Markup {
    if outbound.senders.isEmpty { return Markup([]) }
    var content: [Markup] = [
      .element("h2", ["id": "outbound-heading"], text: "Outbound traffic"),
      region(
        "outbound-heading",
        "What this host and its containers may send to other hosts, and what decides that.",
        ["Sender", "To", "Services", "By", "Verdict", "Because"], outbound.senders.map(rows)),
    ]
    if !outbound.connections.isEmpty {
      content += [
        .element("h2", ["id": "connections-heading"], text: "Connections to other hosts"),
        region(
          "connections-heading",
          "The connections that programs have opened, and the verdict for a new one like it.",
          ["Who opened it", "To", "Service", "Verdict", "Because"],
          OutboundConnectionWords.ordered(outbound.connections).map(row)),
      ]
    }
    return .element("section", ["aria-labelledby": "outbound-heading"], content)
  }

  private func region(
    _ label: StaticString, _ caption: String, _ headings: [String], _ bodies: [Markup]
  ) -> Markup {
    .element(
      "div",
      ["class": "region", "role": "region", "tabindex": "0", "aria-labelledby": label.description],
      [
        .element(
          "table", [:],
          [
            .element("caption", text: caption),
            .element(
              "thead", [:],
              [.element("tr", [:], headings.map { .element("th", ["scope": "col"], text: $0) })]),
          ] + bodies)
      ])
  }

  /// A sender's rows. The first says how much it may send.
  private func rows(_ sender: OutboundSender) -> Markup {
    let words = OutboundWords(sender, machine: machine, policy: policy?.path)
    let rows = words.rows
    let head: Markup = .element(
      "th", ["scope": "rowgroup", "rowspan": rows.isEmpty ? nil : "\(rows.count + 1)", "class": "who"],
      ([words.who] + (words.confinement.map { [$0] } ?? [])).map { .element("span", text: $0) })
    let scope: Markup = .element("td", ["colspan": "5"], [.element("strong", text: words.scope)])
    return .element(
      "tbody", [:],
      [.element("tr", [:], [head, scope])]
        + rows.map { reach in
          .element(
            "tr", [:],
            [
              .element("td", ["class": "from"], separated(reach.to)),
              .element("td", ["class": "from"], separated(reach.services)),
              .element("td", text: by(reach)),
              .element("td", ["class": "verdict"], [verdict(reach.judgement)]),
              .element("td", ["class": "because"], text: because(reach.judgement)),
            ])
        })
  }

  private func row(_ connection: OutboundConnection) -> Markup {
    let words = OutboundConnectionWords(connection)
    let verdict: Markup =
      connection.isRefused
      ? .element("strong", ["class": "warning"], text: "refused by the policy") : verdict(connection.now)
    return .element(
      "tbody", [:],
      [
        .element(
          "tr", [:],
          [
            .element("th", ["scope": "row", "class": "who"], text: words.who),
            .element("td", text: words.to), .element("td", text: words.service),
            .element("td", ["class": "verdict"], [verdict]),
            .element("td", ["class": "because"], text: because(words.judgement)),
          ])
      ])
  }

  private func by(_ reach: OutboundSender.Reach) -> String {
    let interface = reach.interface.description
    return reach.zone.map { $0 == interface ? interface : "\(interface) (\($0))" } ?? interface
  }

  private func because(_ judgement: OutboundJudgement) -> String {
    judgement.because.hasPrefix("built in") || judgement.reason.isEmpty
      ? judgement.because : "\(judgement.because) \(judgement.reason)"
  }

  private func verdict(_ judgement: OutboundJudgement) -> Markup {
    switch judgement.verdict {
    case .accept: .element("strong", text: "accept")
    case .undetermined: .element("strong", ["class": "warning"], text: "undetermined")
    case .drop, .reject: .element("span", ["class": "dim"], text: judgement.verdict.rawValue)
    }
  }
}
