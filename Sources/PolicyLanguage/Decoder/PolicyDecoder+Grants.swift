// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel

/// The sections `allow`, `failsafe` and `encrypt`.
extension PolicyDecoder {
  /// How many days before the end of a grant the warnings begin.
  static let daysOfWarning = 30

  /// The sources and targets of a line, resolved and as written.
  struct Ends {
    var to: [GrantTarget] = []
    var from: [GrantSource] = []
    var wordsTo: [String] = []
    var wordsFrom: [String] = []
    /// The targets outside, for the sources of each machine that sends to them.
    var outbound: [(to: [GrantTarget], from: [GrantSource])] = []

    /// The targets with their sources. Without errors there is at least one part.
    var parts: [(to: [GrantTarget], from: [GrantSource])] {
      (to.isEmpty && !outbound.isEmpty ? [] : [(to, from)]) + outbound
    }
  }

  /// Reads the lines of `allow` or `failsafe`.
  mutating func decodeGrants(_ top: Fields, _ key: String) -> [Grant] {
    let nodes = lines(top, key)
    var result: [Grant] = []
    result.reserveCapacity(nodes.count)
    for node in nodes {
      guard
        let fields = fields(
          node, key == "allow" ? "a grant" : "a failsafe grant",
          of: key == "allow" ? .grant : .failsafe)
      else { continue }
      let to = required(fields, "to")
      let services = required(fields, "services")
      let from = required(fields, "from")
      let ends = ends(to: to, from: from, over: nil, for: .grant)
      var named: [Service] = []
      if let services { named = lineServices(services, "'services'") }
      var because: String?
      if let node = fields["because"] { because = reason(node) }
      if let services, fields["because"] == nil { requireReason(services.mark, named, ends) }
      var until: CalendarDate?
      if key == "allow", let node = fields["until"] { until = end(node) }
      let limit = limit(fields)
      if limit != nil, !ends.outbound.isEmpty {
        log.error(
          fields.key("limit")?.mark ?? node.mark,
          "'limit' is for what a machine receives, not for what it sends",
          help: "remove 'limit', or write the targets outside in a line of their own")
      }
      for (to, from) in ends.parts {
        lineMarks[key, default: []].append(node.mark)
        result.append(
          Grant(
            to: to, services: named, from: from, because: because, until: until, limit: limit,
            location: location(node.mark), wordsTo: ends.wordsTo, wordsFrom: ends.wordsFrom))
      }
    }
    return result
  }

  /// Everything from the internet to a machine itself is hardly ever intended: such a line must say why.
  private mutating func requireReason(_ mark: Mark, _ services: [Service], _ ends: Ends) {
    guard services.contains(where: { $0.ports.contains(.everything) }),
      let machine = ends.to.compactMap({ if case .machine(let name) = $0 { name } else { nil } }).first,
      let source = ends.from.first(where: { $0 == .zone(Zone.internet) || $0 == .anywhere })
    else { return }
    log.error(
      mark,
      "this line opens every port of '\(machine)' to "
        + (source == .anywhere ? "every network" : "the internet") + " without a reason",
      help: "name the services, or say why with 'because'")
  }

  /// The limit of a grant's new connections.
  private mutating func limit(_ fields: Fields) -> ConnectionLimit? {
    var burst: UInt32?
    if let node = fields["burst"] {
      guard let word = text(node, "'burst'", is: "a number") else { return nil }
      guard let number = UInt32(word.text), ConnectionLimit.range.contains(number) else {
        log.error(
          word.mark, "'\(word.text.shortened)' is not a valid burst",
          help: "write a number from 1 to \(ConnectionLimit.range.upperBound)")
        return nil
      }
      burst = number
      if fields["limit"] == nil {
        log.error(
          fields.key("burst")?.mark ?? node.mark, "'burst' belongs to 'limit', which this line does not have",
          help: "add for example: limit: 6/minute")
      }
    }
    guard let node = fields["limit"], let word = text(node, "'limit'", is: "a rate like 6/minute") else {
      return nil
    }
    guard let limit = ConnectionLimit(word.text, burst: burst) else {
      log.error(
        word.mark, "'\(word.text.shortened)' is not a valid limit",
        help:
          "write new connections of each source in a second, minute or hour, like 6/minute (at most \(ConnectionLimit.range.upperBound))"
      )
      return nil
    }
    return limit
  }

  /// Free text on one line.
  private mutating func reason(_ node: YamlNode) -> String? {
    guard let word = text(node, "'because'", is: "text") else { return nil }
    var text = word.text[...]
    while text.last?.isWhitespace == true { text = text.dropLast() }
    if text.utf8.contains(UInt8(ascii: "\n")) {
      log.error(word.mark, "'because' must be one line", help: "begin it with '>' to fold it into one line")
      return nil
    }
    return String(text)
  }

  private mutating func end(_ node: YamlNode) -> CalendarDate? {
    guard let word = text(node, "'until'", is: "a date") else { return nil }
    guard let date = CalendarDate(word.text) else {
      log.error(
        word.mark, "'\(word.text.shortened)' is not a valid date", help: "write a date like \(today)")
      return nil
    }
    let days = date.dayNumber - today.dayNumber
    if days < 0 {
      log.expired(word.mark, "this grant ended on \(date)", help: "remove the line, or set a later date")
    } else if days <= Self.daysOfWarning {
      let left = days == 0 ? "today" : days == 1 ? "tomorrow" : "in \(days) days"
      log.warning(
        word.mark, "this grant ends on \(date), \(left)",
        help: "remove the line then, or set a later date")
    }
    return date
  }

  /// The sources and targets of a grant or test, checked against each other. `over` is the path that a test
  /// names.
  mutating func ends(to: YamlNode?, from: YamlNode?, over: ArrivalZone?, for purpose: Purpose) -> Ends {
    var toWords: [YamlText] = []
    if let to { toWords = texts(to, "'to'", of: "a machine or group") }
    var fromWords: [YamlText] = []
    if let from { fromWords = texts(from, "'from'", of: "a source") }
    var result = Ends()
    var parts: [(word: YamlText, targets: [GrantTarget])] = []
    var outbound: [(word: YamlText, target: OutboundTarget)] = []
    for word in toWords {
      if result.wordsTo.contains(word.text) {
        warnTwice(word)
        continue
      }
      if let target = outboundTarget(word) {
        result.wordsTo.append(word.text)
        outbound.append((word, target))
        continue
      }
      let targets = targets(word)
      result.wordsTo.append(word.text)
      parts.append((word, targets))
      Self.merge(targets, into: &result.to)
    }
    var meanings: [(word: YamlText, meaning: Word)] = []
    for word in fromWords {
      if result.wordsFrom.contains(word.text) {
        warnTwice(word)
        continue
      }
      result.wordsFrom.append(word.text)
      guard let meaning = resolve(word, .from), let sources = sources(word, meaning, for: purpose) else {
        continue
      }
      meanings.append((word, meaning))
      Self.merge(sources, into: &result.from)
      if let (target, _) = outbound.first { _ = checkSender(word, sources, towards: target) }
      for (target, targets) in parts {
        let pair = WordPair(from: word.text, to: target.text)
        if over == nil, checkedPairs.contains(pair) { continue }
        guard check(word, meaning, against: targets, over: over, for: purpose) else { break }
        if over == nil { checkedPairs.insert(pair) }
      }
    }
    result.addOutbound(outbound.map(\.target))
    if purpose == .grant { warnOfEveryAddress(meanings) }
    if case .machine(let name)? = result.from.first, result.from.count == 1, fromWords.count == 1,
      let word = fromWords.first,
      purpose == .grant, !result.to.isEmpty, result.to.allSatisfy({ isWithoutGrant($0, from: name) })
    {
      log.error(
        word.mark, "'\(name)' reaches itself without a grant", help: "name the machines that may reach it")
    }
    return result
  }

  /// Whether a machine reaches a target of its own without a grant: itself, and its zones if nothing confines it.
  private func isWithoutGrant(_ target: GrantTarget, from name: String) -> Bool {
    guard target.machine == name else { return false }
    if case .machine = target { return true }
    return !confinements.contains { $0.machine == name && $0.sender == .host }
  }

  private static func merge<Element: Hashable>(_ new: [Element], into all: inout [Element]) {
    if all.isEmpty {
      all = new
    } else if all.count + new.count < 16 {
      for element in new where !all.contains(element) { all.append(element) }
    } else {
      let known = Set(all)
      all += new.filter { !known.contains($0) }
    }
  }

  /// The lines of `encrypt`.
  mutating func decodeEncryptions(_ top: Fields) -> [Encryption] {
    var result: [Encryption] = []
    for node in lines(top, "encrypt") {
      guard let fields = fields(node, "a line of 'encrypt'", of: .encryption) else { continue }
      var tunnel: Int?
      if let node = required(fields, "tunnel"), let word = text(node, "'tunnel'", is: "the name of a tunnel")
      {
        tunnel = tunnelIndex[word.text]
        if let tunnel {
          if tunnels[tunnel].listen == nil, !broken.contains(word.text) {
            log.error(
              word.mark, "the tunnel '\(word.text)' has no 'listen'",
              help: "add 'listen': 'encrypt' identifies WireGuard's packets by this port")
          }
        } else {
          log.error(
            word.mark, unknown(word.text, "tunnel"), help: suggestion(for: word.text, among: tunnelIndex.keys)
          )
        }
      }
      guard let between = required(fields, "between") else { continue }
      let errors = log.errorCount
      let machines = encrypted(between, "between", tunnel)
      if machines.count < 2, log.errorCount == errors {
        log.error(between.mark, "'between' names only one machine", help: "name two or more")
      }
      let shared = fields["shared"].map { encrypted($0, "shared", tunnel) } ?? []
      if let other = shared.first(where: { !machines.contains($0) }), let node = fields["shared"],
        log.errorCount == errors
      {
        log.error(
          node.mark, "'shared' names '\(other)', which 'between' does not name",
          help: "'shared' is for those machines of 'between' whose public address other hosts use too")
      }
      if let tunnel {
        result.append(
          Encryption(
            machines: machines, tunnel: tunnels[tunnel].name, shared: shared, location: location(node.mark)))
      }
    }
    return result
  }

  /// The machines that a word of a section names, itself or as a group; nil, and reported, if it names something else.
  mutating func members(_ word: YamlText, of section: String) -> [String]? {
    switch resolve(word, .between) {
    case .machine(let name): return [name]
    case .group(let names): return names
    case .tunnel, .zone, .machineZone, .list, .prefix, .anywhere:
      log.error(
        word.mark, "'\(word.text)' is not a machine or group", help: "'\(section)' is for machines only")
      return nil
    case nil: return nil
    }
  }

  private mutating func encrypted(_ node: YamlNode, _ key: String, _ tunnel: Int?) -> [String] {
    var result: Set<String> = []
    for word in texts(node, "'\(key)'", of: "a machine or group") {
      guard let members = members(word, of: "encrypt") else { continue }
      result.formUnion(members)
      guard let tunnel else { continue }
      if let outsider = members.first(where: { name in
        machineIndex[name].map { !machineTunnels[$0].contains(tunnel) } == true && !broken.contains(name)
      }) {
        log.error(
          word.mark, "'\(outsider)' has no address in \(tunnels[tunnel].name)",
          help: "add one to its 'addresses'")
      }
    }
    return result.sorted()
  }
}
