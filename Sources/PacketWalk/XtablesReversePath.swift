// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel

/// The options of the match `rpfilter`. Source: `linux/netfilter/xt_rpfilter.h`.
struct XtablesReversePath: OptionSet, Sendable, Hashable {
  let rawValue: UInt8

  /// `XT_RPFILTER_LOOSE`: any route to the source is enough.
  static let loose = Self(rawValue: 1)
  /// `XT_RPFILTER_VALID_MARK`: the packet's mark is used for the route.
  static let validMark = Self(rawValue: 2)
  /// `XT_RPFILTER_ACCEPT_LOCAL`: the source may be an address of this host.
  static let acceptLocal = Self(rawValue: 4)
  /// `XT_RPFILTER_INVERT`
  static let inverted = Self(rawValue: 8)

  /// The options in the syntax of iptables.
  var text: String {
    let words: [(Self, String)] = [
      (.loose, " loose"), (.validMark, " validmark"), (.acceptLocal, " accept-local"), (.inverted, " invert"),
    ]
    return "rpfilter" + words.filter { contains($0.0) }.map(\.1).joined()
  }
}

extension WalkRun {
  /// Source: `rpfilter_mt` of `net/ipv4/netfilter/ipt_rpfilter.c` and of `net/ipv6/netfilter/ip6t_rpfilter.c`.
  func matches(_ asked: XtablesReversePath) -> Bool? {
    isReachable(asked).map { $0 != asked.contains(.inverted) }
  }

  private func isReachable(_ asked: XtablesReversePath) -> Bool? {
    guard let input, knowsSource != .none else { return nil }
    let (source, destination) = (packet.source, packet.destination)
    if input == .loopback { return true }
    switch source.family {
    case .ipv4:
      // A host without an address asks for one. 224.0.0.0/24 is valid on a link (RFC 5771 section 4).
      if source.bits == 0, destination.bits == 0xffff_ffff || destination.bits >> 8 == 0xe0_0000 {
        return true
      }
    case .ipv6:
      if source.bits == 0 { return true }
      // The route is looked up on the interface itself.
      if source.isLinkLocal { return true }
    }
    if asked.contains(.validMark), !knowsMark { return nil }
    let answer = environment.route(
      RouteQuestion(
        destination: source, source: destination, input: nil,
        mark: asked.contains(.validMark) ? packet.mark : 0))
    switch answer {
    case .interface(let name): return name == input || asked.contains(.loose)
    case .oneOf(let names): return names.contains(input) || asked.contains(.loose)
    case .local:
      guard asked.contains(.acceptLocal) else { return false }
      return asked.contains(.loose) ? true : nil
    case .nowhere: return false
    case .unknown: return nil
    }
  }
}
