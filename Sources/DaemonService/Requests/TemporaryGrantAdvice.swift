// SPDX-License-Identifier: GPL-3.0-or-later

internal import Enforcement
internal import NetworkModel
internal import PolicyAnalysis
internal import TemporaryGrants
internal import PolicyLanguage

/// What else must be opened for a temporary grant, and where: a packet passes machines before it arrives.
struct TemporaryGrantAdvice {
  private let order: TemporaryGrantOrder
  /// The last day of the temporary grant.
  private let end: CalendarDate

  /// The advice for a temporary grant that begins at `now`, in seconds since 1970.
  init(_ order: TemporaryGrantOrder, until now: Int) {
    self.order = order
    end = CalendarDate(secondsSince1970: now + Int(order.duration.milliseconds / 1_000))
  }

  /// The warning that another machine on the packet path drops the packets.
  func warning(_ relay: TemporaryGrantRequest.Relay, _ machine: String) -> PrintableText {
    "\(relay.hub) relays \(relay.tunnel), and drops these packets unless its policy grants them; a temporary grant "
      + "holds on one machine only. On \(relay.hub), add to 'allow', and apply: \(line(to: machine))"
  }

  /// Refuses a temporary grant to another machine than this one, and says where to open it.
  func check(_ target: String, _ policy: Policy, _ own: String) throws(Refusal) {
    if target == own { return }
    let name = target.prefix { $0 != "." }
    guard let machine = policy.machine(named: String(name)) else {
      let nearest = Suggestion.nearest(to: target, among: policy.machines.map(\.name))
      throw Refusal(
        "'\(target)' is not a machine of the policy\(nearest.map { ": did you mean '\($0)'?" } ?? "")")
    }
    let hub = policy.tunnels.first { tunnel in
      tunnel.hub == own && !machine.addresses(in: tunnel.name).isEmpty
    }
    if hub != nil || machine.name == own {
      throw Refusal(
        "a temporary grant opens services of this machine only, and cannot forward to '\(target)': add to 'allow' "
          + "on \(own), and apply: \(line(to: target))")
    }
    throw Refusal(
      "a temporary grant opens services of this machine only: run on \(machine.name): wgfence open \(order.service) "
        + "--from \(order.source) --for \(order.durationWords) --because \(Self.quoted(order.reason))")
  }

  private func line(to target: String) -> String {
    "- { to: \(target), services: [\(order.service)], from: \(order.source), until: \(end) }"
  }

  /// A word of the shell.
  private static func quoted(_ text: String) -> String {
    "'\(text.replacing("'", with: "'\\''"))'"
  }
}
