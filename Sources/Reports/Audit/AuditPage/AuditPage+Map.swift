// SPDX-License-Identifier: GPL-3.0-or-later

internal import HostAnalysis
internal import NetworkModel
internal import PacketWalk

/// The map as inline SVG, with its legend and the list of sockets that no side reaches.
extension AuditPage {
  var mapSection: Markup {
    let wide = ExposureMap(of: exposures, from: sides, .wide)
    var content: [Markup] = [.element("h2", ["id": "map-heading"], text: "Who reaches what")]
    if wide.lines.isEmpty {
      content.append(.element("p", text: "Nothing on this host is reachable from outside."))
    } else {
      content.append(legend(wide))
      content.append(drawing(wide, id: "map"))
      content.append(drawing(ExposureMap(of: exposures, from: sides, .narrow), id: "map-narrow"))
    }
    if !wide.unreached.isEmpty { content.append(fold(wide.unreached)) }
    return .element("section", ["aria-labelledby": "map-heading"], content)
  }

  private func fold(_ unreached: [Int]) -> Markup {
    let count = unreached.count
    let summary = "\(Self.counted(count, "socket")) not reachable from outside"
    return .element(
      "details", ["class": "dim"],
      [
        .element("summary", text: summary),
        .element(
          "ul", ["class": "unreached"],
          unreached.map { index in
            let words = ExposureWords(exposures[index])
            let name = words.service.map { " \($0)" } ?? ""
            return .element("li", text: "\(words.socket)\(name): \(words.who.joined(separator: ", "))")
          }),
      ])
  }

  // MARK: Legend

  private func legend(_ map: ExposureMap) -> Markup {
    let items = ExposureMap.Flow.allCases.filter { flow in map.lines.contains { $0.flow == flow } }
    return .element(
      "ul", ["class": "legend"],
      items.map { flow in
        .element(
          "li", [:],
          [
            .element(
              "svg", ["width": "56", "height": "12", "viewBox": "0 0 56 12", "aria-hidden": "true"],
              [
                .element(
                  "g", ["class": Self.style(flow)],
                  strokes("M0 6H46", flow) + [arrow(x: 56, y: 6)])
              ]),
            Markup(" \(Self.meaning(flow))"),
          ])
      })
  }

  private static func meaning(_ flow: ExposureMap.Flow) -> String {
    switch flow {
    case .tunnel: "through a tunnel"
    case .clear: "let in, outside a tunnel"
    case .exposed: "exposed: let in without a grant"
    case .undetermined: "undetermined: may be let in"
    }
  }

  private static func style(_ flow: ExposureMap.Flow) -> String { "flow \(flow.rawValue)" }

  // MARK: Drawing

  private func drawing(_ map: ExposureMap, id: String) -> Markup {
    let counts = ExposureMap.Flow.allCases.compactMap { flow -> String? in
      let count = map.lines.count { $0.flow == flow }
      return count > 0 ? "\(count) \(Self.meaning(flow))" : nil
    }
    let description =
      "\(Self.counted(map.sides.count, sides.first?.origin == .interface ? "interface" : "zone")) on the left, "
      + "\(Self.counted(map.services.count, "service")) on the right, "
      + "\(Self.counted(map.lines.count, "line")) between them: \(counts.joined(separator: "; ")). "
      + "The table below has the same data."
    var content: [Markup] = [
      .element("title", ["id": "\(id)-title"], text: "Map of who reaches what"),
      .element("desc", ["id": "\(id)-description"], text: description),
    ]
    content += lines(map)
    content += map.sides.map { side in
      .element(
        "g", ["class": side.isSilent ? "box silent" : "box"], [box(side.frame)] + side.labels.map(label))
    }
    content += map.services.map { service in
      let titles = service.exposures.map { exposures[$0].title }.joined(separator: "; ")
      return .element(
        "g", ["class": "box service \(service.state.rawValue)"],
        [.element("title", text: titles), box(service.frame)] + service.labels.map(label))
    }
    content += map.headings.map(label)
    return .element(
      "svg",
      [
        "id": id, "class": "map", "role": "img", "aria-labelledby": "\(id)-title",
        "aria-describedby": "\(id)-description",
        "viewBox": "0 0 \(map.width) \(map.height)", "width": "\(map.width)", "height": "\(map.height)",
      ], content)
  }

  private func box(_ frame: ExposureMap.Frame) -> Markup {
    .element(
      "rect",
      ["x": "\(frame.x)", "y": "\(frame.y)", "width": "\(frame.width)", "height": "\(frame.height)"])
  }

  private func label(_ label: ExposureMap.Label) -> Markup {
    .element(
      "text", ["x": "\(label.x)", "y": "\(label.y)", "class": label.style.rawValue], text: label.text)
  }

  /// The lines, trunk by trunk. The inner stroke of a double line is drawn over the whole trunk at once, so that
  /// branches do not cover it.
  private func lines(_ map: ExposureMap) -> [Markup] {
    var trunks: [[ExposureMap.Line]] = []
    for line in map.lines {
      if let last = trunks.last?.last, last.laneX == line.laneX {
        trunks[trunks.count - 1].append(line)
      } else {
        trunks.append([line])
      }
    }
    return trunks.map { lines in
      let flow = lines.first?.flow ?? .clear
      let paths = lines.map { path($0) }
      var content = zip(lines, paths).map { line, path in
        Markup.element(
          "g", ["class": "line"],
          [.element("title", text: title(line, map)), .element("path", ["d": path])])
      }
      if flow == .tunnel {
        content.append(.element("path", ["class": "core", "d": paths.joined(separator: " ")]))
      }
      content += lines.map { arrow(x: $0.endX, y: $0.endY) }
      return .element("g", ["class": Self.style(flow)], content)
    }
  }

  private func title(_ line: ExposureMap.Line, _ map: ExposureMap) -> String {
    let service = map.services[line.service].exposures.first.map { ExposureWords(exposures[$0]).port } ?? ""
    return
      "\(map.sides[line.side].name): \(line.senders.joined(separator: ", ")) → \(service), \(Self.meaning(line.flow)). \(line.because)"
  }

  private func strokes(_ path: String, _ flow: ExposureMap.Flow) -> [Markup] {
    [.element("path", ["d": path])]
      + (flow == .tunnel ? [.element("path", ["class": "core", "d": path])] : [])
  }

  /// The path from the side along its lane to the service, with rounded corners. It ends where the arrow begins.
  private func path(_ line: ExposureMap.Line) -> String {
    let rise = line.endY - line.startY
    let radius = min(6, abs(rise) / 2)
    let turn = rise > 0 ? radius : -radius
    return "M\(line.startX) \(line.startY)H\(line.laneX - radius)"
      + "Q\(line.laneX) \(line.startY) \(line.laneX) \(line.startY + turn)V\(line.endY - turn)"
      + "Q\(line.laneX) \(line.endY) \(line.laneX + radius) \(line.endY)H\(line.endX - 9)"
  }

  private func arrow(x: Int, y: Int) -> Markup {
    .element("path", ["class": "arrow", "d": "M\(x - 1) \(y)l-9 -4v8z"])
  }
}
