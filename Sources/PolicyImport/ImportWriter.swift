// SPDX-License-Identifier: GPL-3.0-or-later

internal import HostAnalysis
internal import NetworkModel
internal import PacketWalk
internal import PolicyAnalysis
internal import PolicyLanguage
internal import Ruleset

/// The text of an imported policy: grants of what is reached now, and comments on what is not kept.
struct ImportWriter {
  private(set) var grants: [ImportedGrant] = []
  var remarks: [ImportRemark] = []
  private var lists: [(name: String, prefixes: [Prefix])] = []
  private var tests: [String] = []
  private var translations: [String] = []
  private let head: String
  private let sections: String
  private let machine: String

  /// Services with the same sources.
  private struct Key: Hashable {
    let from: [String]
    let lists: [[Prefix]]
    let section: ImportedGrant.Section
  }

  init(
    _ basis: PolicyImport.Basis, _ tables: ImportedTables, _ frame: ImportFrame, _ sections: String,
    _ reach: ImportedReach
  ) {
    machine = frame.view.machine.name
    self.sections = sections
    head = Self.head(basis, tables, machine)
    var order: [Key] = []
    var services: [Key: [ServiceWords.Owned]] = [:]
    for reached in reach.services {
      let words = zip(reached.sources, reach.survey.sides).map { open, side in
        SourceWords(open, of: side, in: frame.policy, on: frame.view.machine)
      }
      let key = Key(
        from: words.flatMap(\.words).unique, lists: words.map(\.list).filter { !$0.isEmpty },
        section: Self.section(of: reached.heard, basis))
      if Self.isChosen(reached.heard.service, basis) { continue }
      if key.from.isEmpty, key.lists.isEmpty { continue }
      if services[key] == nil { order.append(key) }
      services[key, default: []].append((reached.heard.service, reached.heard.owner))
    }
    for key in order {
      let own = services[key] ?? []
      let from = key.from + key.lists.map { name(of: $0) }
      grants.append(
        ImportedGrant(
          section: key.section, to: [machine], services: ServiceWords.words(own), from: from,
          answers: own.compactMap(\.owner).map { PrintableText.of($0) }.unique))
    }
    remarks = ImportRemarks(basis, tables, frame, reach).all
    if let forwarded = reach.forwarded {
      let lines = ForwardedGrants(forwarded, frame, readTables: tables.read.map(RuleText.name(of:)))
      grants += lines.grants
      translations = lines.translations
      remarks = lines.remarks + remarks
    }
    tests = grants.map { Self.test(of: $0) }
  }

  /// A UDP port that the kernel chose for a client, which will be another one tomorrow.
  static func isChosen(_ service: ReachSurvey.Service, _ basis: PolicyImport.Basis) -> Bool {
    service.transport == .udp && basis.host.ephemeralPorts.contains(service.port)
  }

  /// Access for the administrator holds in every state.
  private static func section(of heard: HeardService, _ basis: PolicyImport.Basis) -> ImportedGrant.Section {
    guard heard.service.transport == .tcp else { return .allow }
    let isAccess =
      heard.service.port == 22 || heard.owner == "sshd" || heard.service.port == basis.host.session?.port
    return isAccess ? .failsafe : .allow
  }

  private mutating func name(of prefixes: [Prefix]) -> String {
    if let known = lists.first(where: { $0.prefixes == prefixes }) { return known.name }
    let name = lists.isEmpty ? "imported-sources" : "imported-sources-\(lists.count + 1)"
    lists.append((name, prefixes))
    return name
  }

  private static func test(of grant: ImportedGrant) -> String {
    func list(_ words: [String]) -> String {
      words.count == 1 ? words[0] : "[\(words.joined(separator: ", "))]"
    }
    return
      "{ from: \(list(grant.from)), to: \(list(grant.to)), allow: [\(grant.services.joined(separator: ", "))] }"
  }

  // MARK: Text

  private static func head(_ basis: PolicyImport.Basis, _ tables: ImportedTables, _ machine: String) -> String
  {
    var text = """
      # Imported on \(basis.host.today) from the rules of \(basis.tool.rawValue) on \(machine). It grants what listens on this host
      # and was reached then, from the sources that reached it, and nothing else.

      """
    text += ImportText.wrapped(
      "Tables that were read: \(tables.read.map(RuleText.name(of:)).joined(separator: ", ")).", "# ")
    if !tables.others.isEmpty {
      text += ImportText.wrapped(
        "Tables of other programs, which stay beside this policy: "
          + "\(tables.others.map(RuleText.name(of:)).joined(separator: ", ")).", "# ")
    }
    return text + """
      #
      # Read the comments below "Not kept", then:
      #   wgfence check FILE            reports errors in the file, and runs its tests
      #   wgfence plan FILE             prints what it would change, and which live connections it would cut
      #   wgfence apply FILE --host --confirm 60s
      # Both firewalls hold until the old one is removed: a packet passes only if both accept it.
      version: 1


      """
  }

  /// The policy.
  var text: String {
    var text = head + sections
    if !lists.isEmpty {
      text += "lists:\n"
      for list in lists {
        text += "  \(list.name):\n"
        for prefix in list.prefixes {
          text += "    - \(prefix.family == .ipv6 ? "\"\(prefix)\"" : "\(prefix)")\n"
        }
      }
      text += "\n"
    }
    text += section(.allow)
    if !translations.isEmpty {
      text += "\n# The old firewall's address translation, which ends with it.\ntranslate:\n"
      for line in translations { text += "  - \(line)\n" }
    }
    text += comments
    text += section(.failsafe)
    if !tests.isEmpty {
      text += "\n# check and apply run these tests on the compiled rules.\ntests:\n"
      for test in tests.unique { text += "  - \(test)\n" }
    }
    return text
  }

  private func section(_ section: ImportedGrant.Section) -> String {
    let own = grants.filter { $0.section == section }
    switch section {
    case .allow:
      if own.isEmpty { return "allow: []\n" }
      return "allow:\n" + own.map(Self.line).joined()
    case .failsafe:
      if own.isEmpty {
        return
          "\n# No grant holds in every state (failsafe): nothing reaches SSH now. Add SSH from a machine that you always have.\n"
      }
      return
        "\n# Grants that hold in every state, also in lock-down and panic: access to repair the host.\nfailsafe:\n"
        + own.map(Self.line).joined()
    }
  }

  private static func line(_ grant: ImportedGrant) -> String {
    let answers = grant.answers.prefix(6).joined(separator: ", ") + (grant.answers.count > 6 ? ", …" : "")
    return "  \(grant.line)\(answers.isEmpty ? "" : "  # \(answers)")\n"
  }

  private var comments: String {
    if remarks.isEmpty { return "" }
    var text = "\n# Not kept: what the old rules do and this policy does not.\n"
    for remark in remarks {
      text += ImportText.wrapped(remark.what + (remark.advice.map { ". \($0)" } ?? ""), "#   ", first: "# - ")
    }
    return text
  }
}

/// Text of comments.
enum ImportText {
  /// A text as lines of at most 118 columns, each with a beginning.
  static func wrapped(_ text: String, _ beginning: String, first: String? = nil) -> String {
    var lines = [first ?? beginning]
    for word in PrintableText.of(text).split(separator: " ") {
      let isStart =
        lines[lines.count - 1].hasSuffix(" ") && (lines.count == 1 || lines[lines.count - 1] == beginning)
        && lines[lines.count - 1].count <= max(beginning.count, first?.count ?? 0)
      if !isStart, lines[lines.count - 1].count + word.count + 1 > 118 { lines.append(beginning) }
      let separator = lines[lines.count - 1].hasSuffix(" ") ? "" : " "
      lines[lines.count - 1] += separator + word
    }
    return lines.joined(separator: "\n") + "\n"
  }
}
