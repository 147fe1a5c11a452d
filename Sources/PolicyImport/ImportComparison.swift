// SPDX-License-Identifier: GPL-3.0-or-later

internal import HostAnalysis
internal import NetworkModel
internal import PacketSets
internal import PacketWalk
internal import PolicyAnalysis
internal import PolicyLanguage
internal import Ruleset

/// How the rules of a program and the compiled policy differ on a host, over the whole packet space of the host's sides:
/// one packet for each range of sources, destination address, protocol and range of ports that either distinguishes.
public struct ImportComparison: Sendable {
  /// Packets that one accepts and the other does not.
  public struct Difference: Sendable, Hashable {
    /// The ports, as text: `5432/tcp`, `ping`, `esp`.
    public let service: String
    /// The tunnel or zone.
    public let side: String
    /// The sources, as prefixes.
    public let sources: [String]
    /// The addresses of the host to which they are sent; of forwarded packets the target in the policy's words.
    public let destinations: [String]
    /// What decides in the policy.
    public let because: String
    /// Whether the host forwards the packets.
    public let isForwarded: Bool
  }

  /// What the policy lets in by a grant, and the rules did not.
  public let gained: [Difference]
  /// What every policy lets in without a grant, and the rules did not.
  public let builtIn: [Difference]
  /// What the rules let in to something that listens, and the policy does not.
  public let lost: [Difference]
  /// The number of packets that were compared.
  public let compared: Int

  /// Whether the policy opens nothing that the rules did not.
  public var opensNothing: Bool { gained.isEmpty }

  init(
    _ basis: PolicyImport.Basis, _ host: AuditedHost, _ tables: ImportedTables, _ frame: ImportFrame,
    _ reach: ImportedReach
  ) {
    let before = tables.before
    let both = before + [frame.view.table]
    let classes = AddressClasses(both, .source, places: ImportedReach.places(of: basis.host.interfaces))
    let new = ImportWalk(
      tables.translations + [frame.view.table], order: host.order,
      environment: host.environment)
    let old = ReachSurvey(
      reach.survey.walk, ImportSide.all(of: frame.view, on: basis.host.interfaces), classes,
      AddressClasses(both, .destination), sourcePorts: [], interfaces: basis.host.interfaces)
    let opened = PortRanges.of(frame.policy)
    let finer = PortRanges.between(opened, reach.survey.walk.classes.ranges)
    let sourcePorts = [SourcePortSamples.usual] + SourcePortSamples(both).others
    let heard = Dictionary(
      reach.services.map { ($0.heard.service, $0.heard) }, uniquingKeysWith: { first, _ in first })
    var run = Run(old: reach.survey.walk, new: new, heard: heard)
    let builtInPorts = Set(frame.policy.tunnels.compactMap(\.listen)).union([68, 546])
    for side in old.sides {
      for family in AddressFamily.allCases {
        for range in classes.ranges(of: family, in: side.sources[family] ?? .empty) {
          let hasSCTP = heard.keys.contains { $0.transport == .sctp }
          for transport in [IPProtocol.tcp, .udp] + (hasSCTP ? [.sctp] : []) {
            for ports in opened {
              let service = ReachSurvey.Service(transport: transport, port: ports.lowerBound)
              // The policy asks for the source port of answers to the host's own DHCP clients only.
              let isDHCP = transport == .udp && [68, 546].contains { ports.contains($0) }
              for var question in old.questions(
                to: service, at: .everyAddress, from: side, range, family, .everything)
              {
                run.count += 1
                let isOpen = new.outcome(question).verdict == .accepted
                guard isOpen || isDHCP else { continue }
                for part in finer where ports.contains(part.lowerBound) {
                  question.port = part.lowerBound
                  for port in sourcePorts {
                    question.sourcePort = port
                    run.compareGained(question, part, side, range, builtInPorts)
                  }
                }
              }
            }
          }
          for transport in ImportedReach.examinedProtocols {
            let service = ReachSurvey.Service(transport: transport, port: 0)
            for question in old.questions(
              to: service, at: .everyAddress, from: side, range, family, .everything)
            {
              run.compareGained(question, nil, side, range, builtInPorts)
            }
          }
          // What is lost: whatever answers now.
          for (service, own) in heard {
            let receiver: ReachSurvey.Receiver =
              own.listeners.isEmpty ? .everyAddress : .listeners(own.listeners)
            for question in old.questions(
              to: service, at: receiver, from: side, range, family, .everything)
            {
              run.compareLost(question, side, range)
            }
          }
        }
      }
    }
    if let forwarded = reach.forwarded {
      let grid = ForwardGrid(
        tables.translations + [frame.view.table], besides: before, order: host.order,
        environment: host.environment, interfaces: basis.host.interfaces, policy: frame.policy)
      run.compare(forwarded, grid, on: old.sides, frame)
    }
    gained = run.gained.differences
    builtIn = run.builtIn.differences
    lost = run.lost.differences
    compared = run.count
  }

  /// Both walks, and what was found so far.
  struct Run {
    let old: ImportWalk
    let new: ImportWalk
    /// What answers, by protocol and port.
    let heard: [ReachSurvey.Service: HeardService]
    var count = 0
    var gained = Found()
    var builtIn = Found()
    var lost = Found()

    mutating func compareGained(
      _ question: ImportWalk.Question, _ ports: ClosedRange<UInt16>?, _ side: ImportSide,
      _ range: AddressClasses.Range, _ builtInPorts: Set<UInt16>
    ) {
      let outcome = new.outcome(question)
      guard outcome.verdict == .accepted else { return }
      count += 1
      guard old.outcome(question).verdict != .accepted else { return }
      // A port that a socket has at other addresses only: nothing answers.
      let service = ReachSurvey.Service(transport: question.transport, port: question.port)
      if let own = heard[service]?.listeners, !own.isEmpty,
        !own.contains(where: {
          $0.serves(question.source.family) && ($0.isWildcard || $0.address == question.destination)
        })
      {
        if own.contains(where: { $0.serves(question.source.family) }) { return }
      }
      let isElsewhere = side.alsoJudgedOn.contains { $0.name == question.input }
      let isBuiltIn =
        isElsewhere || question.transport == .igmp
        || (question.transport == .udp
          && ports.map { $0.count == 1 && builtInPorts.contains($0.lowerBound) } == true)
      if isBuiltIn {
        builtIn.add(
          question, ports, side, range,
          isElsewhere
            ? "sources of \(side.name) are judged alike on \(question.input), a zone with prefixes"
            : outcome.because)
      } else {
        gained.add(question, ports, side, range, outcome.because)
      }
    }

    mutating func compareLost(
      _ question: ImportWalk.Question, _ side: ImportSide, _ range: AddressClasses.Range
    ) {
      count += 1
      guard old.outcome(question).verdict == .accepted else { return }
      let outcome = new.outcome(question)
      guard outcome.verdict != .accepted, !side.alsoJudgedOn.contains(where: { $0.name == question.input }),
        side.usuallyHas(question.source.family, IntervalSet(range.lower, range.upper))
      else { return }
      lost.add(
        question, question.transport.hasPorts ? question.port...question.port : nil, side, range,
        outcome.because)
    }
  }

  /// Differences, gathered by service, side and decision.
  struct Found {
    private struct Key: Hashable {
      let service: String
      let side: String
      let target: String?
      let because: String
    }

    private var order: [Key] = []
    private var sources: [Key: [AddressFamily: IntervalSet]] = [:]
    private var destinations: [Key: Set<IPAddress>] = [:]

    mutating func add(
      _ question: ImportWalk.Question, _ ports: ClosedRange<UInt16>?, _ side: ImportSide,
      _ range: AddressClasses.Range, _ because: String, to target: String? = nil
    ) {
      let isPing = question.transport == .icmp || question.transport == .icmpv6
      let service =
        isPing
        ? "ping"
        : ports.map { ServiceWords.text(question.transport, [$0]).joined() }
          ?? "ip/\(question.transport.number)"
      let key = Key(service: service, side: side.words, target: target, because: because)
      if sources[key] == nil { order.append(key) }
      let family = question.source.family
      let set = IntervalSet(range.lower, range.upper)
      sources[key, default: [:]][family] = (sources[key]?[family] ?? .empty).union(set)
      destinations[key, default: []].insert(question.destination)
    }

    var differences: [Difference] {
      order.sorted {
        ($0.target ?? "", $0.service, $0.side, $0.because) < (
          $1.target ?? "", $1.service, $1.side, $1.because
        )
      }.map { key in
        Difference(
          service: key.service, side: key.side,
          sources: AddressFamily.allCases.flatMap { family in
            SourceWords.prefixes(family, sources[key]?[family] ?? .empty).map(\.description)
          },
          destinations: key.target.map { [$0] } ?? (destinations[key] ?? []).sorted().map(\.description),
          because: key.because, isForwarded: key.target != nil)
      }
    }
  }

  /// Remarks about what is lost, in as few lines as possible.
  func remarks(beside known: [ImportRemark]) -> [ImportRemark] {
    var order: [[String]] = []
    var bySide: [[String]: [String]] = [:]
    for difference in lost {
      let key = [difference.side, difference.because] + difference.destinations
      if bySide[key] == nil { order.append(key) }
      bySide[key, default: []].append(difference.service)
    }
    return order.map { key in
      let services = (bySide[key] ?? []).unique
      let shown = services.prefix(12).joined(separator: ", ") + (services.count > 12 ? ", …" : "")
      return ImportRemark(
        .lost,
        "from \(key[0]) to \(key[2...].joined(separator: ", ")): \(shown). The policy drops it: \(key[1])")
    }
  }
}
