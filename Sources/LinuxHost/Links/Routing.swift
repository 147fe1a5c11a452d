// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PacketWalk

/// What the kernel's routes and rules of a family tell apart.
struct Routing {
  /// Nil if they cannot be read: then no route is known.
  let rules: RoutingRules?
  /// Nil if they cannot be read: then the kernel is asked for each address by itself.
  var classes: RoutingClasses?

  init(_ family: AddressFamily, _ links: LinkTable) {
    rules = try? RoutingRules.read(family)
    classes = rules.flatMap { try? RoutingClasses.read(family, links, $0) }
  }

  /// The same question for the addresses that stand for those that the kernel routes alike.
  func representative(of question: RouteQuestion) -> RouteQuestion {
    guard let classes else { return question }
    // IPv6 chooses a source for the destination before it compares it with a rule's prefix: `fib6_rule_saddr` of
    // `net/ipv6/fib6_rules.c`.
    if question.destination.family == .ipv6, question.source == nil, rules?.selectBySource ?? true {
      return question
    }
    var common = question
    common.destination = classes.representative(of: question.destination)
    common.source = question.source.map { classes.representative(of: $0) }
    return common
  }
}
