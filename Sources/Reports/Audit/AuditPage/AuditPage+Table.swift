// SPDX-License-Identifier: GPL-3.0-or-later

internal import HostAnalysis
internal import NetworkModel
internal import PacketWalk
internal import Ruleset

/// The table of all sockets: a group of rows for each socket, and a row for each of its sides.
extension AuditPage {
  var tableSection: Markup {
    let headings = [
      "Socket", "Service", "Who answers", isByZone ? "Zone" : "Interface", "From", "Verdict", "Because",
    ]
    let head = Markup.element(
      "thead", [:],
      [.element("tr", [:], headings.map { .element("th", ["scope": "col"], text: $0) })])
    let caption =
      "Every socket and published port, and the verdict for a packet from each side. "
      + (isByZone ? "A side is a zone of the policy." : "A side is an interface.")
    return .element(
      "section", ["aria-labelledby": "table-heading"],
      [
        .element("h2", ["id": "table-heading"], text: "Sockets and published ports"),
        .element(
          "div", ["id": "search", "class": "search", "role": "search", "hidden": ""],
          [
            .element("label", ["for": "filter"], text: "Show only sockets that contain"),
            .element(
              "input",
              ["id": "filter", "type": "search", "autocomplete": "off", "spellcheck": "false", "size": "28"]),
            .element("span", ["id": "told", "role": "status"]),
          ]),
        .element(
          "div",
          [
            "id": "everything", "class": "region", "role": "region", "tabindex": "0",
            "aria-labelledby": "table-heading",
          ],
          [.element("table", [:], [.element("caption", text: caption), head] + exposures.map(rows))]),
      ])
  }

  private var isByZone: Bool { sides.first?.origin != .interface }

  private func rows(_ exposure: Exposure) -> Markup {
    let words = ExposureWords(exposure)
    let span = exposure.reachable.count > 1 ? "\(exposure.reachable.count)" : nil
    let head: [Markup] = [
      .element(
        "th", ["scope": "rowgroup", "rowspan": span, "class": "socket"],
        words.socketLines.map { .element("span", text: $0) }),
      .element("td", ["rowspan": span], text: words.service ?? ""),
      .element(
        "td", ["rowspan": span, "class": "who"],
        words.who.map { .element("span", text: $0) }),
    ]
    if exposure.reachable.isEmpty {
      let itself: Markup = .element(
        "td", ["colspan": "4", "class": "dim"],
        text: exposure.place == .host
          ? "only this host" : "only processes in its own namespace")
      return .element("tbody", [:], [.element("tr", [:], head + [itself])])
    }
    return .element(
      "tbody", [:],
      exposure.reachable.enumerated().map { index, reach in
        .element("tr", [:], (index == 0 ? head : []) + cells(reach))
      })
  }

  /// Names separated by commas. Lines break between names, and inside a name only if it is longer than a line.
  func separated(_ names: [String]) -> [Markup] {
    names.enumerated().flatMap { index, name -> [Markup] in
      let isLast = index == names.count - 1
      return [.element("span", text: isLast ? name : name + ",")] + (isLast ? [] : [Markup(" ")])
    }
  }

  private func cells(_ reach: Exposure.Reach) -> [Markup] {
    var verdict: [Markup]
    switch reach.verdict {
    case .accept:
      switch reach.standing {
      case .ungranted:
        verdict = [.element("strong", ["class": "error"], text: "accept, exposed")]
      case .granted, .unjudged: verdict = [.element("strong", text: "accept")]
      }
    case .undetermined: verdict = [.element("strong", ["class": "warning"], text: "undetermined")]
    case .drop, .reject: verdict = [.element("span", ["class": "dim"], text: reach.verdict.rawValue)]
    }
    return [
      .element("td", text: reach.zone), .element("td", ["class": "from"], separated(reach.from)),
      .element("td", ["class": "verdict"], verdict), .element("td", ["class": "because"], text: reach.words),
    ]
  }
}
