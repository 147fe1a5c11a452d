// SPDX-License-Identifier: GPL-3.0-or-later

internal import HostAnalysis
internal import NetworkModel
internal import PacketSets
internal import PacketWalk
internal import PolicyAnalysis
internal import PolicyLanguage
internal import Ruleset

/// What the rules of a program do and the policy does not, found in the walks and in the rules themselves.
struct ImportRemarks {
  private(set) var all: [ImportRemark] = []
  private let basis: PolicyImport.Basis
  private let frame: ImportFrame
  private let reach: ImportedReach
  private var sides: [ImportSide] { reach.survey.sides }

  init(
    _ basis: PolicyImport.Basis, _ tables: ImportedTables, _ frame: ImportFrame, _ reach: ImportedReach
  ) {
    self.basis = basis
    self.frame = frame
    self.reach = reach
    for reached in reach.services { addService(reached) }
    addUnheard()
    addProtocols()
    addRules(tables.read)
  }

  // MARK: Services

  private func word(_ service: ReachSurvey.Service) -> String {
    ServiceWords.words([(service, nil)]).joined()
  }

  /// The names of sides for which a condition holds.
  private func names(_ sources: [OpenSources], _ condition: (OpenSources) -> Bool) -> String {
    zip(sides, sources).filter { condition($1) }.map { side, open in
      side.words
    }.joined(separator: ", ")
  }

  private func places(_ places: some Sequence<String>) -> String {
    let sorted = Set(places).sorted()
    return sorted.prefix(3).joined(separator: "; ") + (sorted.count > 3 ? "; and others" : "")
  }

  private mutating func addService(_ reached: ImportedReach.Reached) {
    let (service, sources) = (reached.heard.service, reached.sources)
    let own = frame.view.machine.name
    if ImportWriter.isChosen(service, basis) {
      let from = names(sources) { $0.isOpen }
      if from.isEmpty { return }
      all.append(
        ImportRemark(
          .client,
          "\(word(service)) of \(reached.heard.owner ?? "an unknown process") is reached from \(from): the kernel chose this "
            + "port for a client, and chooses another one at the next start",
          advice: "Answers to what this host asks need no grant"))
      return
    }
    let isUndetermined = names(sources) { $0.undetermined.values.contains { !$0.isEmpty } }
    if !isUndetermined.isEmpty {
      all.append(
        ImportRemark(
          .undetermined,
          "whether \(word(service)) is reached from \(isUndetermined) depends on a rule that wgfence cannot evaluate: "
            + places(sources.flatMap(\.undeterminedBecause)),
          advice: "It is not granted where it is not known. Read the rule, and add a grant if one is needed"))
    }
    let isPartial = names(sources) { $0.partial.values.contains { !$0.isEmpty } }
    if !isPartial.isEmpty {
      all.append(
        ImportRemark(
          .partial,
          "\(word(service)) is accepted from sources in \(isPartial) at some addresses, interfaces or source ports of this host "
            + "only: \(places(sources.flatMap(\.partialBecause)))",
          advice:
            "A grant would open all of them. To open all: - { to: \(own), services: [\(word(service))], from: … }"
        ))
    }
    for (side, open) in zip(sides, sources) {
      let words = SourceWords(open, of: side, in: frame.policy, on: frame.view.machine)
      guard words.isIncomplete, open.accepted.contains(where: { side.usuallyHas($0, $1) }) else { continue }
      let some = AddressFamily.allCases.flatMap { family in
        SourceWords.prefixes(family, open.accepted[family] ?? .empty)
      }
      let shown = some.prefix(4).map(\.description).joined(separator: ", ") + (some.count > 4 ? ", …" : "")
      let why: String
      var advice: String?
      switch side.kind {
      case .containers:
        why = "in the zone containers any source can be forged, so grants name the whole zone"
        advice =
          "To open it to all guests: - { to: \(own), services: [\(word(service))], from: \(side.name) }"
      case .tunnel:
        why = "the policy names no machine with these addresses"
        advice = "Add the machines below 'machines', and grants to them"
      case .behindTunnel, .network:
        why = "the policy language cannot name these sources"
      }
      all.append(
        ImportRemark(
          .unnamed,
          "\(word(service)) is reached from \(shown) in \(side.words), and not all of it is kept: \(why)",
          advice: advice))
    }
    let limits = Set(sources.flatMap(\.limits)).sorted()
    if !limits.isEmpty, sources.contains(where: \.isOpen) {
      all.append(
        ImportRemark(
          .limit,
          "\(word(service)) is accepted within a rate (\(limits.joined(separator: ", "))): its line has none",
          advice: "Add limit: 6/minute to the line, which counts the new connections of each source"))
    }
    addGroups(reached)
  }

  /// Packets to group and broadcast addresses, if the service is not granted anyway.
  private mutating func addGroups(_ reached: ImportedReach.Reached) {
    let service = reached.heard.service
    guard service.transport == .udp, let groups = HeardService.groups[service.port] else { return }
    for (side, open) in zip(sides, reached.sources) where !open.isWhole {
      let isAccepted = groups.compactMap { IPAddress($0) }.contains { group in
        side.interfaces.contains { interface in
          reach.survey.classes.ranges(of: group.family, in: side.sources[group.family] ?? .empty).contains {
            range in
            reach.survey.walk.outcome(
              ImportWalk.Question(
                input: interface.name, source: ImportSide.example(of: range, group.family),
                destination: group,
                transport: .udp, port: service.port)
            ).verdict == .accepted
          }
        }
      }
      guard isAccepted else { continue }
      all.append(
        ImportRemark(
          .group,
          "\(word(service)) is accepted from \(side.words) at \(groups.joined(separator: ", ")) only: a grant would open it at the host's own "
            + "addresses too",
          advice:
            "To open it: - { to: \(frame.view.machine.name), services: [\(word(service))], from: \(side.name) }"
        ))
    }
  }

  // MARK: Ports

  private mutating func addUnheard() {
    var order: [[ImportedReach.Opening]] = []
    var byOpenings: [[ImportedReach.Opening]: [String]] = [:]
    var counts: [[ImportedReach.Opening]: Int] = [:]
    for unheard in reach.unheard {
      if byOpenings[unheard.openings] == nil { order.append(unheard.openings) }
      byOpenings[unheard.openings, default: []] += ServiceWords.text(unheard.transport, [unheard.ports])
      counts[unheard.openings, default: 0] += unheard.ports.count
    }
    for open in order {
      let from = open.map { opening in
        sides[opening.side].words
          + (opening.families.count == 1 ? opening.families == [.ipv4] ? " (IPv4)" : " (IPv6)" : "")
      }.joined(separator: ", ")
      let isNearlyAll = counts[open, default: 0] > 120_000
      let ports =
        isNearlyAll ? "every other port of TCP and UDP" : (byOpenings[open] ?? []).joined(separator: ", ")
      all.append(
        ImportRemark(
          .unheard, "open from \(from), and nothing listens there: \(ports)",
          advice: "Grant a port when a server listens on it"))
    }
  }

  private mutating func addProtocols() {
    if reach.everyProtocol.isEmpty { return }
    all.append(
      ImportRemark(
        .unheard,
        "every protocol beside TCP, UDP and ICMP is accepted from "
          + reach.everyProtocol.map { sides[$0].words }.joined(separator: ", "),
        advice: "Grant those that a program of this host uses, such as esp, gre or ospf"))
  }

  // MARK: Rules

  private mutating func addRules(_ tables: [KernelTable]) {
    var logging: [String] = []
    var outbound: [String] = []
    var translating: [String] = []
    var changing: [String] = []
    for table in tables {
      let name = RuleText.name(of: table)
      let count = table.chains.flatMap(\.rules).count { $0.logs }
      if count > 0 { logging.append("\(count) in \(name)") }
      for chain in table.chains {
        guard let base = chain.base else { continue }
        let reached = table.reachable(from: chain.name).names
        let rules = table.chains.filter { reached.contains($0.name) }.flatMap(\.rules)
        if base.hook == NFT.hookOutput, base.type != "nat",
          base.policy == .drop || rules.contains(where: \.mayEndPacket)
        {
          outbound.append("\(name) \(chain.name)")
        }
        if base.type == "nat", !rules.isEmpty, rules.contains(where: \.translates) {
          translating.append("\(name) \(chain.name)")
        }
        if base.type != "nat", rules.contains(where: \.changesPacket) {
          changing.append("\(name) \(chain.name)")
        }
      }
    }
    if !outbound.isEmpty {
      all.append(
        ImportRemark(
          .outbound, "rules for what this host sends: \(outbound.joined(separator: ", "))",
          advice: "A policy allows what this host sends, except past its tunnels"))
    }
    if !translating.isEmpty {
      all.append(
        ImportRemark(
          .translation, "address translation: \(translating.joined(separator: ", "))",
          advice:
            "Rules of Docker and other programs stay theirs. What the old firewall itself translates ends when it is removed: write it "
            + "as 'translate' (docs/policy-language.md)"))
    }
    if !changing.isEmpty {
      all.append(
        ImportRemark(
          .other, "rules that change packets or marks: \(changing.joined(separator: ", "))",
          advice:
            "If routing or the size of packets in tunnels depends on them, keep them in a table of their own")
      )
    }
    if !logging.isEmpty {
      all.append(
        ImportRemark(
          .logging, "rules that log packets: \(logging.joined(separator: ", "))",
          advice: "wgfence logs what it drops: wgfence log"))
    }
  }
}

extension KernelRule {
  /// Whether a packet may be dropped or rejected in the rule.
  var mayEndPacket: Bool {
    expressions.contains { expression in
      switch expression {
      case .verdict(.drop), .verdict(.other), .reject: true
      case .opaque(let name, let data):
        if case .target("REJECT", _, _) = OpaqueExpression(name, data) { true } else { false }
      default: false
      }
    }
  }

  /// Whether the rule translates addresses or ports.
  var translates: Bool {
    expressions.contains { expression in
      guard case .opaque(let name, let data) = expression else { return false }
      switch OpaqueExpression(name, data) {
      case .translation: return true
      case .target(let target, _, _):
        return ["DNAT", "SNAT", "MASQUERADE", "REDIRECT", "NETMAP"].contains(target)
      default: return false
      }
    }
  }

  /// Whether the rule changes a packet or its mark.
  var changesPacket: Bool {
    expressions.contains { expression in
      switch expression {
      case .metaSet: true
      case .opaque(let name, let data):
        switch OpaqueExpression(name, data) {
        case .headerWrite: true
        case .target(let target, _, _):
          ["MARK", "CONNMARK", "TCPMSS", "TOS", "DSCP", "TTL", "HL", "TPROXY"].contains(target)
        default: false
        }
      default: false
      }
    }
  }
}
