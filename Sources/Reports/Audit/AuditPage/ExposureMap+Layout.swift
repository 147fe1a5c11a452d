// SPDX-License-Identifier: GPL-3.0-or-later

package import HostAnalysis
internal import NetworkModel
internal import PacketWalk
internal import PolicyLanguage
internal import Ruleset

extension ExposureMap {
  /// Lays out the flows from these sides to these exposures. The height grows with the content; the width grows only
  /// if the lanes do not fit.
  package init(of exposures: [Exposure], from sides: [AuditPage.Side], _ measures: Measures) {
    let found = Self.entries(of: exposures, from: sides)
    let sheet = Sheet(measures, sides, exposures, found.entries)
    width = sheet.width
    height = sheet.height
    headings = sheet.headings
    self.sides = sheet.sides
    services = sheet.services
    lines = sheet.lines
    unreached = found.unreached
  }

  /// The drawing under construction.
  private struct Sheet {
    let measures: Measures
    var width: Int
    var height = 0
    var headings: [Label] = []
    var sides: [Side] = []
    var services: [Service] = []
    var lines: [Line] = []
    /// The points at which trunks leave their side.
    private var starts: [(trunk: Trunk, y: Int)] = []
    /// The points at which branches reach a service: the entry, the flow, and the height.
    private var ends: [(service: Int, flow: Inflow, y: Int)] = []
    private let serviceX: Int

    /// The vertical gap between boxes.
    private static let gap = 16
    /// The space between a box and the lanes, including the arrow.
    private static let margin = 16

    init(_ measures: Measures, _ sides: [AuditPage.Side], _ exposures: [Exposure], _ entries: [Entry]) {
      self.measures = measures
      var trunks: [Trunk] = []
      for side in sides.indices {
        for trunk in entries.flatMap({ $0.flows.map(\.trunk) })
        where trunk.side == side && !trunks.contains(trunk) {
          trunks.append(trunk)
        }
      }
      let between = measures.width - measures.sideWidth - measures.serviceWidth - 2
      let needed = 2 * Self.margin + 8 * (trunks.count + 1)
      width = measures.width + max(0, needed - between)
      serviceX = width - 1 - measures.serviceWidth
      let order = Dictionary(uniqueKeysWithValues: trunks.enumerated().map { ($1, $0) })
      let top = Self.rounded(measures.lineHeight + 8)
      let bottom = place(entries, exposures, sides, order, from: top)
      height = bottom
      place(sides, trunks, from: top, to: bottom)
      height += 8
      connect(trunks)
    }

    /// The next multiple of 8.
    private static func rounded(_ length: Int) -> Int { (length + 7) / 8 * 8 }

    // MARK: Services

    private mutating func place(
      _ entries: [Entry], _ exposures: [Exposure], _ sides: [AuditPage.Side], _ order: [Trunk: Int],
      from top: Int
    ) -> Int {
      var y = top
      var group: Group?
      let twins = ExposureMap.twins(among: entries, of: exposures)
      for (index, entry) in entries.enumerated() {
        if entry.group != group {
          if group != nil { y += Self.rounded(measures.lineHeight) + 8 }
          group = entry.group
          headings.append(Label(x: serviceX, y: y - 8, text: entry.group.rawValue, style: .heading))
        }
        let words = entry.exposures.map { ExposureWords(exposures[$0]) }
        let addresses = words.compactMap { twins.contains(index) ? $0.fullAddress : $0.address }
        let texts = ServiceText(
          entry, words.first, addresses, sides, columns: measures.columns(measures.serviceWidth))
        let ports = entry.flows.sorted { (order[$0.trunk] ?? 0) < (order[$1.trunk] ?? 0) }
        let height = Self.rounded(max(textHeight(texts.lines.count), 8 * ports.count))
        let frame = Frame(x: serviceX, y: y, width: measures.serviceWidth, height: height)
        services.append(
          Service(
            exposures: entry.exposures, frame: frame,
            labels: labels(texts.lines, in: frame, down: (height - textHeight(texts.lines.count)) / 2),
            state: texts.state))
        let first = y + (height - 8 * ports.count) / 2 / 8 * 8 + 4
        ends += ports.enumerated().map { (index, $1, first + 8 * $0) }
        y = frame.bottom + Self.gap
      }
      return max(top, y - Self.gap)
    }

    // MARK: Sides

    private mutating func place(_ sides: [AuditPage.Side], _ trunks: [Trunk], from top: Int, to bottom: Int) {
      if let first = sides.first {
        headings.append(Label(x: 1, y: top - 8, text: first.heading, style: .heading))
      }
      let plans = sides.indices.map { plan($0, sides[$0], trunks.filter { [side = $0] in $0.side == side }) }
      let used = plans.reduce(0) { $0 + $1.height }
      // The sides are spread over the whole height, so that one is visible at every scroll position.
      let free = max(0, bottom - top - used)
      let gap = plans.count > 1 ? max(Self.gap, free / (plans.count - 1) / 8 * 8) : 0
      var y = top
      for (index, plan) in plans.enumerated() {
        let frame = Frame(x: 1, y: y, width: measures.sideWidth, height: plan.height)
        self.sides.append(
          Side(
            name: sides[index].name, frame: frame, labels: labels(plan.lines, in: frame),
            isSilent: plan.starts.isEmpty))
        starts += plan.starts.map { ($0.trunk, y + $0.y) }
        y = frame.bottom + gap
        height = max(height, frame.bottom)
      }
    }

    private struct Plan {
      let lines: [(String, Label.Style)]
      let starts: [(trunk: Trunk, y: Int)]
      let height: Int
    }

    private func plan(_ index: Int, _ side: AuditPage.Side, _ trunks: [Trunk]) -> Plan {
      let columns = measures.columns(measures.sideWidth)
      var lines = MapText.lines(side.name, columns: columns, limit: 3).map { ($0, Label.Style.title) }
      lines += MapText.lines(side.words, columns: columns, limit: 2).map { ($0, .dim) }
      var starts: [(trunk: Trunk, y: Int)] = []
      var filled = textHeight(lines.count)
      var senders: [[String]] = []
      for trunk in trunks where !senders.contains(trunk.senders) { senders.append(trunk.senders) }
      for names in senders {
        let own = trunks.filter { $0.senders == names }
        let text = MapText.list(names, columns: columns, limit: 6).map { ($0, Label.Style.plain) }
        // The senders' lines and the starts of their trunks are side by side, vertically centred.
        let before = filled - measures.lineHeight / 2
        let height = max(text.count * measures.lineHeight, 8 * own.count)
        lines += text
        let first = Self.rounded(before + (height - 8 * (own.count - 1)) / 2)
        starts += own.enumerated().map { ($1, first + 8 * $0) }
        filled = max(filled + text.count * measures.lineHeight, first + 8 * own.count)
        // Blank lines align the next senders with the starts of their own trunks.
        while textHeight(lines.count) + measures.lineHeight / 2 < filled { lines.append(("", .plain)) }
        filled = textHeight(lines.count)
      }
      if senders.isEmpty {
        lines += MapText.lines("reaches nothing", columns: columns, limit: 2).map { ($0, .dim) }
      }
      return Plan(
        lines: lines, starts: starts,
        height: Self.rounded(max(textHeight(lines.count), (starts.last?.y ?? 0) + 8)))
    }

    // MARK: Lines

    private mutating func connect(_ trunks: [Trunk]) {
      let left = 1 + measures.sideWidth
      let room = serviceX - left - 2 * Self.margin
      let spacing = max(8, min(28, room / (trunks.count + 1) / 4 * 4))
      let first = left + Self.margin + (room - spacing * (trunks.count - 1)) / 2
      for (index, trunk) in trunks.enumerated() {
        guard let start = starts.first(where: { $0.trunk == trunk }) else { continue }
        // The topmost trunk has the rightmost lane, so that it does not cross the start of another trunk.
        let lane = first + spacing * (trunks.count - 1 - index)
        for end in ends where end.flow.trunk == trunk {
          lines.append(
            Line(
              flow: trunk.flow, side: trunk.side, senders: trunk.senders, service: end.service,
              because: end.flow.because, startX: left, startY: start.y, laneX: lane, endX: serviceX,
              endY: end.y))
        }
      }
    }

    // MARK: Texts

    private func textHeight(_ lines: Int) -> Int { lines * measures.lineHeight + measures.inset }

    private func labels(_ lines: [(String, Label.Style)], in frame: Frame, down: Int = 0) -> [Label] {
      let first = frame.y + down + measures.inset / 2 + measures.lineHeight * 3 / 4
      return lines.enumerated().compactMap { index, line in
        line.0.isEmpty
          ? nil
          : Label(
            x: frame.x + measures.inset, y: first + index * measures.lineHeight, text: line.0, style: line.1)
      }
    }
  }

  /// The text in the box of a service.
  private struct ServiceText {
    var lines: [(String, Label.Style)]
    let state: Service.State

    init(
      _ entry: Entry, _ words: ExposureWords?, _ addresses: [String], _ sides: [AuditPage.Side], columns: Int
    ) {
      func names(_ flow: Flow) -> String {
        var names: [String] = []
        for inflow in entry.flows where inflow.trunk.flow == flow {
          let name = sides[inflow.trunk.side].name
          if !names.contains(name) { names.append(name) }
        }
        return names.joined(separator: ", ")
      }
      let open = names(.exposed)
      let unknown = names(.undetermined)
      state = !open.isEmpty ? .exposed : !unknown.isEmpty ? .undetermined : .meant
      lines = MapText.lines(words?.port ?? "", columns: columns, limit: 2).map { ($0, .title) }
      if !open.isEmpty {
        lines += MapText.lines("exposed to \(open)", columns: columns, limit: 3).map { ($0, .exposed) }
      }
      if !unknown.isEmpty {
        lines += MapText.lines("undetermined from \(unknown)", columns: columns, limit: 3)
          .map { ($0, .undetermined) }
      }
      let who = words.map { $0.who.joined(separator: ", ") } ?? ""
      lines += MapText.lines(who, columns: columns, limit: 4).map { ($0, .plain) }
      if !addresses.isEmpty {
        lines += MapText.list(addresses, columns: columns, limit: 3).map { ($0, .dim) }
      }
    }
  }
}
