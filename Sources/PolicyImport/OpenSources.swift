// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PacketSets

/// The sources of one side, sorted by what happens to their packets to one service.
struct OpenSources {
  /// Accepted at every address of the service, from every source port, on every interface of the side.
  var accepted: [AddressFamily: IntervalSet] = [:]
  /// Refused.
  var refused: [AddressFamily: IntervalSet] = [:]
  /// Accepted at some addresses, interfaces or source ports only.
  var partial: [AddressFamily: IntervalSet] = [:]
  /// The walk cannot know.
  var undetermined: [AddressFamily: IntervalSet] = [:]
  /// The kernel drops them without any rule, or the service has no address for them.
  var neutral: [AddressFamily: IntervalSet] = [:]
  /// Places that decided: of undetermined packets, and of those that are accepted in part.
  var undeterminedBecause: Set<String> = []
  var partialBecause: Set<String> = []
  /// Rates within which accepted packets are assumed to be.
  var limits: Set<String> = []

  /// Whether some sources are accepted everywhere.
  var isOpen: Bool { accepted.values.contains { !$0.isEmpty } }
  /// Whether every source of the side is accepted, except those that cannot arrive.
  var isWhole: Bool {
    isOpen && [refused, partial, undetermined].allSatisfy { $0.values.allSatisfy(\.isEmpty) }
  }

  /// Takes the sources of families over which nothing listens from another examination: those that are accepted there are
  /// not needed, and all others are refused.
  mutating func restrict(_ families: [AddressFamily], by other: OpenSources) {
    for family in families {
      neutral[family] = (other.neutral[family] ?? .empty).union(other.accepted[family] ?? .empty)
      refused[family] = IntervalSet.union(
        [other.refused, other.partial, other.undetermined].compactMap { $0[family] })
    }
  }

  /// Sorts a range of sources by the outcomes of its example.
  mutating func add(
    _ range: AddressClasses.Range, _ family: AddressFamily, _ outcomes: [ImportWalk.Outcome]
  ) {
    let set = IntervalSet(range.lower, range.upper)
    let verdicts = Set(outcomes.map(\.verdict)).subtracting([.unreachable])
    if verdicts.isEmpty {
      neutral[family] = (neutral[family] ?? .empty).union(set)
    } else if verdicts.contains(.undetermined) {
      undetermined[family] = (undetermined[family] ?? .empty).union(set)
      undeterminedBecause.formUnion(outcomes.filter { $0.verdict == .undetermined }.map(\.because))
    } else if verdicts == [.accepted] {
      accepted[family] = (accepted[family] ?? .empty).union(set)
      limits.formUnion(outcomes.flatMap(\.limits))
    } else if verdicts == [.refused] {
      refused[family] = (refused[family] ?? .empty).union(set)
    } else {
      partial[family] = (partial[family] ?? .empty).union(set)
      partialBecause.formUnion(outcomes.filter { $0.verdict == .accepted }.map(\.because))
    }
  }
}
