// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PacketSets
internal import PolicyAnalysis
internal import PolicyLanguage

/// The lines of a policy for what a host forwards, and remarks about what has no line.
struct ForwardedGrants {
  private(set) var grants: [ImportedGrant] = []
  /// The lines of `translate`.
  private(set) var translations: [String] = []
  private(set) var remarks: [ImportRemark] = []

  private struct Key: Hashable {
    let from: [String]
    let services: [String]
  }

  init(_ reach: ForwardedReach, _ frame: ImportFrame, readTables: [String]) {
    let machine = frame.view.machine
    var order: [Key] = []
    var targets: [Key: [String]] = [:]
    var masquerading: [String] = []
    for passage in reach.passages {
      let (side, target) = (reach.sides[passage.side], reach.targets[passage.target])
      let isNameable = target.isNameable(from: side, in: frame.policy, on: machine.name)
      var byWords: [(from: [String], ports: [ForwardedReach.Ports])] = []
      var unnamed: [ForwardedReach.Ports] = []
      var partial: [ForwardedReach.Ports] = []
      var undetermined: [ForwardedReach.Ports] = []
      var because: Set<String> = []
      for (ports, open) in passage.services {
        if !open.undetermined.values.allSatisfy(\.isEmpty) {
          undetermined.append(ports)
          because.formUnion(open.undeterminedBecause)
        }
        if !open.partial.values.allSatisfy(\.isEmpty) { partial.append(ports) }
        guard open.isOpen else { continue }
        let words = Self.words(open, side, target, frame)
        if !isNameable || words.isEmpty {
          unnamed.append(ports)
          continue
        }
        if let place = byWords.firstIndex(where: { $0.from == words }) {
          byWords[place].ports.append(ports)
        } else {
          byWords.append((words, [ports]))
        }
      }
      for (from, ports) in byWords {
        let key = Key(from: from, services: Self.services(ports, of: reach.grid.ports))
        if targets[key] == nil { order.append(key) }
        targets[key, default: []].append(target.word)
      }
      let name = "from \(side.words) to \(target.word)"
      if !unnamed.isEmpty {
        remarks.append(
          ImportRemark(
            .forwarded,
            "forwarded \(name): \(Self.services(unnamed, of: reach.grid.ports).joined(separator: ", ")). The policy language has no line "
              + "for these sources and this target"))
      }
      if !partial.isEmpty {
        remarks.append(
          ImportRemark(
            .forwarded,
            "forwarded \(name) to some addresses only: \(Self.services(partial, of: reach.grid.ports).joined(separator: ", "))",
            advice:
              "A grant would open all of them. Name a network in 'subnets' of \(machine.name), and grant it"))
      }
      if !undetermined.isEmpty {
        remarks.append(
          ImportRemark(
            .undetermined,
            "whether packets \(name) are forwarded depends on rules that wgfence cannot evaluate: "
              + because.sorted().prefix(3).joined(separator: "; "),
            advice:
              "It is not granted where it is not known. Read the rules, and add a grant if one is needed"))
      }
      // IPv4 decides: hosts with private addresses need it.
      let family = passage.families.contains(.ipv4) ? AddressFamily.ipv4 : .ipv6
      if let rules = passage.masquerade[family], target.kind == .zone, target.exit == Zone.internet,
        !byWords.isEmpty,
        side.kind == .tunnel || side.kind == .network,
        rules.allSatisfy({ rule in readTables.contains { rule.hasPrefix("\($0) ") } })
      {
        masquerading.append(side.name)
        if passage.families.count > passage.masquerade.count {
          remarks.append(
            ImportRemark(
              .translation,
              "what \(side.words) sends to the internet over IPv6 kept its source, and the line below 'translate' masquerades it too",
              advice: "It still gets its answers"))
        }
      }
    }
    grants = order.map { key in
      ImportedGrant(
        section: .allow, to: (targets[key] ?? []).unique, services: key.services, from: key.from, answers: [])
    }
    if !masquerading.isEmpty {
      let from = masquerading.unique.joined(separator: ", ")
      translations.append("{ at: \(machine.name), masquerade: [\(from)], over: \(Zone.internet) }")
    }
    for tunnel in reach.skipped {
      remarks.append(
        ImportRemark(
          .forwarded,
          "what is forwarded to machines in \(tunnel): they are too many to be examined one by one",
          advice: "Add grants to them: wgfence init shows the form"))
    }
  }

  /// The words of `from`. To hosts behind a tunnel, only whole zones of this machine have a word.
  private static func words(
    _ open: OpenSources, _ side: ImportSide, _ target: ForwardTarget, _ frame: ImportFrame
  ) -> [String] {
    if target.kind != .zone, side.kind == .network {
      return open.isWhole ? ["\(frame.view.machine.name).\(side.name)"] : []
    }
    // A machine reaches itself without this host.
    return SourceWords(open, of: side, in: frame.policy, on: frame.view.machine).words.filter {
      $0 != target.word
    }
  }

  /// The words of `services` for some of all examined ports.
  static func services(_ ports: [ForwardedReach.Ports], of all: [ForwardedReach.Ports]) -> [String] {
    if Set(ports) == Set(all) { return ["any"] }
    var words: [String] = []
    if ports.contains(where: { $0.transport == .icmp }) { words.append("ping") }
    for transport in [IPProtocol.tcp, .udp] {
      var merged: [ClosedRange<UInt16>] = []
      for range in ports.filter({ $0.transport == transport }).compactMap(\.range) {
        if let last = merged.last, Int(last.upperBound) + 1 == Int(range.lowerBound) {
          merged[merged.count - 1] = last.lowerBound...range.upperBound
        } else {
          merged.append(range)
        }
      }
      words += merged.flatMap { range -> [String] in
        let service = ReachSurvey.Service(transport: transport, port: range.lowerBound)
        return range.count == 1 ? ServiceWords.words([(service, nil)]) : ServiceWords.text(transport, [range])
      }
    }
    return words
  }
}
