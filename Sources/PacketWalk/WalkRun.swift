// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import Ruleset

/// One packet during a walk: what is known about it at the moment, and its trace so far.
struct WalkRun {
  let walk: PacketWalk
  let environment: any HostEnvironment
  /// The packet before any rule.
  let sent: Packet
  /// The number of the possible order of legacy chains.
  var order = 0
  var packet: Packet
  var headers: PacketHeaders { didSet { headerChanges &+= 1 } }
  /// How often the headers were written.
  private var headerChanges = 0
  var trace = Trace()
  var registers = RegisterFile()
  /// `nf_inet_hooks`
  var hook: UInt32 = 0
  /// The base chain that the packet is in.
  var base: BaseChain?
  /// The family of its table (`NFPROTO_…`).
  var family: UInt8 = 0

  /// What is known of the packet's source after a translation.
  var knowsSource = Knowledge.whole
  /// Whether the mark is known: a rule that may have matched may have set it.
  var knowsMark = true
  var knowsConnectionMark = true
  /// The connection; nil if the packet states a translation without its connection.
  package var flow: Flow?
  var tracking = Tracking.unseen
  /// Which translations are bound permanently (`IPS_SRC_NAT_DONE`, `IPS_DST_NAT_DONE`).
  var isSourceBound = false
  var isDestinationBound = false

  /// The zone of the connection, in host order; nil if it is not known.
  var zone: [UInt8]? = [0, 0]
  /// Whether a rule gave the packet a template of a connection, with a zone or a helper, before conntrack. The packet is then
  /// tracked whatever later rules say, and its state is `new` until conntrack sees it.
  var hasTemplate = false
  /// Whether a rule wrote the type of service or traffic class, and whether one wrote TCP options.
  var (hasWrittenTrafficClass, hasWrittenOptions) = (false, false)
  /// Whether a rule set the type of the packet.
  var hasSetPacketType = false
  /// What rules changed in sets on the packet's way.
  var changes: [SetPlace: SetChanges] = [:]
  /// What rules wrote into lists of `recent` on the packet's way.
  var recentChanges: [String: Seen] = [:]
  /// What rules changed in sets of ipset on the packet's way: by the set's number, for the sides of an element, whether the packet
  /// is in it. For other sides it is not known any more.
  var setChanges: [UInt16: [[IPSetQuestion.Side]: Bool]] = [:]
  /// Of the rules that may match or not, in the order in which they are reached: whether this run takes each to match.
  var choices: [Bool] = []
  var choicesMade = 0
  /// Whether one of the choices was about a fact, not about chance.
  var choseFact = false
  /// Whether the run ended at such a rule without a choice.
  var isOpen = false
  /// Whether the packet that this host sends must be routed again.
  var needsRoute = false
  /// The hook outside of IP that the packet is at; nil at the five hooks of IP.
  var frame: FrameHook?
  /// The port of a bridge that the packet passes; nil if it is not known.
  var port: InterfaceName?
  /// Whether the frame may have a VLAN tag.
  var isTagged = false
  /// The first thing on the packet's way that is not in the rules.
  var obstacle: BlindSpot?

  /// The packet's state in connection tracking.
  enum Tracking {
    /// It has not reached conntrack yet.
    case unseen
    case tracked
    /// A rule excluded it from conntrack.
    case untracked
  }

  init(_ packet: Packet, _ walk: PacketWalk, _ environment: any HostEnvironment) {
    self.walk = walk
    self.environment = environment
    self.packet = packet
    sent = packet
    headers = PacketHeaders(packet)
    if let stated = packet.flow {
      flow = stated
      self.packet.status.formUnion(stated.status)
      (isSourceBound, isDestinationBound) = (true, true)
    } else if packet.status.isDisjoint(with: [.sourceNAT, .destinationNAT]) {
      let tuple = FlowTuple(
        source: packet.source, destination: packet.destination, sourcePort: packet.sourcePort,
        destinationPort: packet.destinationPort)
      flow = Flow(packet.direction == .original ? tuple : tuple.inverted)
    }
    // Over the loopback interface a packet keeps the connection that it was sent with.
    if packet.input == .loopback { tracking = .tracked }
  }

  /// Whether conntrack has an entry for the packet at this point.
  var hasConnection: Bool {
    tracking == .tracked && packet.state.isDisjoint(with: [.invalid, .untracked])
  }

  /// The trace of the walk so far.
  consuming func finished() -> Trace {
    packet.flow = flow
    if tracking == .untracked { packet.state = .untracked }
    trace.packet = packet
    trace.knowsConnectionMark = knowsConnectionMark
    if let obstacle {
      note(
        .undetermined(expression: "\(obstacle); by the rules alone: \(trace.verdict)"),
        at: "outside the rules")
    }
    return trace
  }

  // MARK: Packet path

  /// The chains of the device, prerouting, the routing decision, then input, or forward and postrouting.
  mutating func arrive() {
    packet.output = nil
    guard enter() else { return }
    // `ip6_rcv_core` of `net/ipv6/ip6_input.c`: no hook of IPv6 sees it.
    if packet.family == .ipv6, packet.input != .loopback,
      packet.source.bits == 1 || packet.source.bits >> 120 == 0xff || packet.destination.bits == 1
    {
      return note(.unroutable("addresses that are not valid on a link"), at: "before the rules")
    }
    let destination = packet.destination
    guard pass(NFT.hookPrerouting) else { return }
    // A packet that came back over the loopback interface keeps the route that it was sent with.
    let isLooped = trace.steps.contains { $0.outcome == .routed(.local) } && packet.input == .loopback
    proceed(by: isLooped && packet.destination == destination ? .local : ask())
  }

  /// Prerouting, forward and postrouting of a frame that a bridge forwards. Only a translated destination is routed.
  /// Source: `br_nf_pre_routing_finish` of `net/bridge/br_netfilter_hooks.c`.
  mutating func bridge() {
    packet.output = nil
    guard enterBridge() else { return }
    let destination = packet.destination
    guard pass(NFT.hookPrerouting) else { return }
    guard packet.destination == destination, let bridge = packet.input else { return proceed(by: ask()) }
    packet.output = bridge
    updateHeaders()
    if pass(NFT.hookForward), pass(NFT.hookPostrouting) { _ = leaveBridge() }
  }

  private mutating func proceed(by answer: RouteAnswer) {
    switch answer {
    case .local:
      guard pass(NFT.hookInput) else { return }
      if walk.obstacles.dependOnPort { trace.reads.formUnion([.destination, .destinationPort]) }
      meet(walk.obstacles.service(for: packet))
    case .oneOf(let outputs):
      if let output = choose(outputs) { proceed(by: .interface(output)) }
    case .interface(let output):
      if output != packet.input, knowsSource != .none, !packet.source.isForwardable {
        trace.reads.insert(.source)
        return note(.unroutable("\(packet.source) is not forwarded"))
      }
      guard packet.hopLimit > 1 else {
        note(.unroutable("hop limit \(packet.hopLimit)"))
        return
      }
      packet.hopLimit -= 1
      packet.output = output
      updateHeaders()
      if pass(NFT.hookForward), pass(NFT.hookPostrouting) { _ = emit() }
    case .nowhere: note(.unroutable("no route"))
    case .unknown:
      trace.reads.insert(.destination)
      note(.undetermined(expression: "route to \(packet.destination)"))
    }
  }

  /// Output, routing again if it may have changed, postrouting; then prerouting and input if the packet is
  /// for this host.
  mutating func depart() {
    packet.input = nil
    if packet.output == nil {
      guard leave(by: ask()) else { return }
    }
    needsRoute = false
    guard pass(NFT.hookOutput) else { return }
    // A translated destination, or a chain of type `route` that changed an address or the mark.
    if needsRoute {
      guard leave(by: ask(again: true)) else { return }
    }
    guard pass(NFT.hookPostrouting), emit(), packet.output == .loopback else { return }
    packet.input = .loopback
    arrive()
  }

  private mutating func leave(by answer: RouteAnswer) -> Bool {
    switch answer {
    case .local: packet.output = .loopback
    case .interface(let name): packet.output = name
    case .oneOf(let outputs):
      guard let output = choose(outputs) else { return false }
      packet.output = output
    case .nowhere:
      note(.unroutable("no route"))
      return false
    case .unknown:
      note(.undetermined(expression: "route to \(packet.destination)"))
      return false
    }
    return true
  }

  /// One of the interfaces of a route with several next hops, each in a run of its own. Nil if the run ends here.
  private mutating func choose(_ outputs: [InterfaceName]) -> InterfaceName? {
    trace.nextHops = outputs
    for output in outputs.dropLast() {
      guard let isIt = takes("the next hop through \(output)") else { return nil }
      if isIt { return output }
    }
    return outputs.last
  }

  /// Asks for the route. The kernel looks it up again without the packet's protocol and ports. Source: `ip_route_me_harder`
  /// of `net/ipv4/netfilter.c`.
  private mutating func ask(again: Bool = false) -> RouteAnswer {
    if !again, environment.routesDependOnTransport(packet.family) { trace.reads.insert(.destinationPort) }
    // Each walk depends on the route of the packet as it came; this may be another one.
    if again || packet.mark != sent.mark || packet.source != sent.source
      || packet.destination != sent.destination
    {
      trace.reads.formUnion(.addresses)
    }
    if !knowsMark { note(.assumed("the packet has mark \(packet.mark) in the route lookup")) }
    let answer = environment.route(
      RouteQuestion(
        destination: packet.destination, source: knowsSource == .none ? nil : packet.source,
        input: packet.input, mark: packet.mark,
        transport: again ? nil : RouteQuestion.Transport(packet)))
    if answer != .unknown, answer != .nowhere { note(.routed(answer)) }
    return answer
  }

  private mutating func note(_ outcome: TraceOutcome) { note(outcome, at: "routing") }

  /// Adds a step of the host itself.
  mutating func note(_ outcome: TraceOutcome, at place: String) {
    trace.steps.append(
      TraceStep(
        table: "", family: 0, chain: place, base: nil, rule: nil, source: nil, sets: [], outcome: outcome)
    )
  }

  /// Passes the packet through the entries of a hook. Returns whether it continues after them.
  mutating func pass(_ hook: UInt32) -> Bool {
    self.hook = hook
    meet(walk.obstacles.at(hook, packet.family))
    for entry in walk.entries(packet.family, hook, order: order) {
      switch entry {
      case .chain(let place): guard traverse(place) else { return false }
      case .conntrack: if tracking == .unseen { tracking = .tracked }
      case .translation(let side, let places): guard translate(side, places) else { return false }
      }
    }
    return true
  }

  // MARK: Chains

  enum ChainEnd {
    case fellThrough
    case accepted
    case stopped
  }

  /// Passes the packet through a base chain. Returns whether it continues after it.
  mutating func traverse(_ place: HookPlaces.Place) -> Bool {
    let chain = walk.tables[place.table].table.chains[place.chain]
    base = chain.base
    family = walk.tables[place.table].family
    let (mark, source, destination) = (packet.mark, packet.source, packet.destination)
    switch traverse(place.table, place.chain, depth: 0) {
    case .stopped: return false
    case .accepted: break
    case .fellThrough:
      let policy = chain.base?.policy ?? .accept
      note(place.table, place.chain, nil, .policy(policy))
      guard policy == .accept else { return false }
    }
    // Source: `nf_route_table_hook4` of `net/netfilter/nft_chain_route.c`.
    if chain.base?.type == "route",
      (packet.mark, packet.source, packet.destination) != (mark, source, destination)
    {
      needsRoute = true
    }
    return true
  }

  private mutating func traverse(_ table: Int, _ chain: Int, depth: Int) -> ChainEnd {
    let rules = walk.tables[table].rules[chain]
    guard let conditions = walk.tables[table].conditions[chain] else {
      for index in rules.indices {
        trace.evaluatedRules += 1
        if let end = take(rules[index], table, chain, index, depth) { return end }
      }
      return .fellThrough
    }
    // The index leaves out rules that the kernel evaluates.
    var evaluated = 0
    var (changes, next) = (headerChanges, 0)
    var candidates = conditions.rules { value(of: $0) }[...]
    while let index = candidates.popFirst() {
      trace.evaluatedRules += index + 1 - evaluated
      evaluated = index + 1
      if let end = take(rules[index], table, chain, index, depth) {
        trace.reads.formUnion(conditions.reads(before: index, packet.family))
        return end
      }
      // What a rule wrote may be compared by the rules after it.
      if headerChanges != changes {
        (changes, next) = (headerChanges, index + 1)
        candidates = conditions.rules { value(of: $0) }.drop { $0 < next }
      }
    }
    trace.evaluatedRules += rules.count - evaluated
    trace.reads.formUnion(conditions.reads(before: rules.count, packet.family))
    return .fellThrough
  }

  /// Evaluates a rule of a chain. Returns how the chain ends with it; nil if the packet goes on to the next rule.
  private mutating func take(
    _ rule: [PreparedExpression], _ table: Int, _ chain: Int, _ index: Int, _ depth: Int
  ) -> ChainEnd? {
    let counted = trace.steps.count
    switch evaluate(rule, table, chain, index) {
    case .noMatch:
      // The counters and assumptions of a rule that does not match are not part of the trace.
      if trace.steps.count > counted { trace.steps.removeSubrange(counted...) }
    case .passedOver(let limit):
      trace.steps.removeSubrange(counted...)
      note(table, chain, index, .assumed(limit))
    case .next: break
    case .translated: return .accepted
    case .rejected:
      note(table, chain, index, .reject)
      return .stopped
    case .undetermined(let expression):
      note(table, chain, index, .undetermined(expression: expression))
      return .stopped
    case .verdict(let verdict):
      switch verdict {
      case .continue: break
      case .accept:
        note(table, chain, index, .verdict(.accept))
        return .accepted
      case .drop:
        note(table, chain, index, .verdict(.drop))
        return .stopped
      case .return:
        note(table, chain, index, .verdict(.return))
        return .fellThrough
      case .unknown(let text):
        note(table, chain, index, .undetermined(expression: text))
        return .stopped
      case .jump(let next), .goto(let next):
        let name = walk.tables[table].table.chains[next].name
        let isJump = if case .jump = verdict { true } else { false }
        guard depth < PacketWalk.deepest else {
          note(table, chain, index, .undetermined(expression: "jump to \(name)"))
          return .stopped
        }
        note(table, chain, index, .verdict(isJump ? .jump(chain: name) : .goto(chain: name)))
        let end = traverse(table, next, depth: depth + 1)
        if isJump, case .fellThrough = end { return nil }
        return end
      }
    }
    return nil
  }

  mutating func note(_ table: Int, _ chain: Int, _ rule: Int?, _ outcome: TraceOutcome) {
    let own = walk.tables[table].table
    trace.steps.append(
      TraceStep(
        table: own.name, family: own.family, subsystem: own.subsystem, chain: own.chains[chain].name,
        base: base,
        rule: rule, source: rule.map { own.chains[chain].rules[$0] }, sets: own.sets, outcome: outcome))
  }

  mutating func updateHeaders() { headers.update(from: packet, knowsSource: knowsSource) }
}
