// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PolicyLanguage
internal import PolicyAnalysis
internal import PacketSets

/// An unfinished specification of a place, with the packets that no clause covers yet.
struct SpecificationDraft {
  let chain: String
  private(set) var everything: [PacketSpace]
  var rest: [PacketSpace]
  var clauses: [MachineSpecification.Clause] = []

  init(chain: String, input: PacketSpace.Presence, output: PacketSpace.Presence) {
    self.chain = chain
    everything = AddressFamily.allCases.map { PacketSpace($0, input: input, output: output) }
    rest = everything
  }

  /// Keeps only packets whose protocol is the same before and after translation: TCP, UDP and SCTP
  /// separately, then all others.
  mutating func splitByTransport() {
    let withPorts = [IPProtocol.tcp, .udp, .sctp].map { PacketSpace.Service.all($0) }
    let parts = withPorts + [IntervalSet(0, 0xff_ffff).subtracting(IntervalSet.union(withPorts))]
    everything = everything.flatMap { space in
      parts.compactMap { space.narrowed([(.service, $0), (.originalService, $0)]) }
    }
    rest = everything
  }

  /// Specifies the outcome of the packets that meet these conditions and that no clause covers yet.
  package mutating func say(
    _ claim: ProofClaim, _ outcome: MachineSpecification.Outcome,
    _ conditions: [(PacketSpace.Field, IntervalSet)],
    _ family: AddressFamily? = nil
  ) {
    say(claim, outcome, any: [conditions], family)
  }

  /// Specifies the outcome of the packets that meet any of these groups of conditions.
  package mutating func say(
    _ claim: ProofClaim, _ outcome: MachineSpecification.Outcome,
    any groups: [[(PacketSpace.Field, IntervalSet)]], _ family: AddressFamily? = nil
  ) {
    var met: [PacketSpace] = []
    var left: [PacketSpace] = []
    for space in rest {
      guard family == nil || space.family == family else {
        left.append(space)
        continue
      }
      var remaining = [space]
      for conditions in groups {
        remaining = remaining.flatMap { piece -> [PacketSpace] in
          guard let inside = piece.narrowed(conditions) else { return [piece] }
          met.append(inside)
          return piece.subtracting(inside)
        }
      }
      left += remaining
    }
    rest = PacketSpace.coalesced(left)
    if !met.isEmpty {
      clauses.append(MachineSpecification.Clause(claim: claim, spaces: met, outcome: outcome))
    }
  }

  /// Specifies the outcome of all remaining packets, and returns the place.
  func finished(_ claim: ProofClaim, _ outcome: MachineSpecification.Outcome) -> MachineSpecification.Place {
    MachineSpecification.Place(
      chain: chain, everything: everything,
      clauses: clauses + [MachineSpecification.Clause(claim: claim, spaces: rest, outcome: outcome)],
      granted: nil, rest: [])
  }
}
