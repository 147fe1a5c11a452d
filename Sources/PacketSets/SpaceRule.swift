// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import Ruleset

/// A rule's expressions as conditions on packet fields: the kernel's register operations, evaluated once for
/// all packets.
struct SpaceRule: Sendable {
  /// One step of a rule.
  enum Step: Sendable {
    /// Continues if the field has one of the values.
    case require(PacketSpace.Field, IntervalSet)
    /// The verdict for packets with one of the values cannot be determined.
    case unknown(PacketSpace.Field, IntervalSet, why: String)
    /// Continues in the branch that has the field's value; `misses` are the values of no branch.
    case branch(PacketSpace.Field, [Branch], misses: IntervalSet)
    /// Continues if source and service together are in one of the boxes, which do not overlap.
    case requireAny([Box])
    /// Continues if the rate is below its limit, or with `inverted` if it is above.
    case rate(RateCondition, Inversion)
    case count(String)
    /// The packet gets or loses the tag; only an acceptance may follow.
    case tag(PacketTag.Change)
    case verdict(VerdictCode)
    /// The connection's addresses are translated, which ends the chain.
    case translate(AddressTranslation)
    /// `nft_reject_types`
    case reject(UInt32)
    /// The verdict cannot be determined for any packet that gets here.
    case undetermined(String)
  }

  /// Sources and services of an element of concatenated ranges.
  struct Box: Sendable {
    let sources: IntervalSet
    let services: IntervalSet
  }

  /// The value that a map holds for some keys.
  struct Branch: Sendable {
    let values: IntervalSet
    let value: ElementValue?
  }

  let steps: [Step]

  /// Prepares a rule of a table with these sets.
  init(_ rule: KernelRule, family: AddressFamily, sets: [String: KernelSet]) {
    // A drop log does not change a packet, within its limit or above it.
    if rule.isDropLog {
      steps = []
      return
    }
    var reader = SpaceRuleReader(family: family, sets: sets)
    if let (conditions, translation) = AddressTranslation.ending(rule.expressions) {
      for expression in conditions where !reader.isOver { reader.read(expression) }
      steps = reader.steps + (reader.isOver ? [] : [.translate(translation)])
      return
    }
    for expression in rule.expressions where !reader.isOver { reader.read(expression) }
    steps = reader.steps
  }
}
