// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import Ruleset

/// A rule's expressions as conditions on the fields of packets: what the kernel works out with registers, worked out once
/// for all packets.
struct SpaceRule: Sendable {
  /// One step of a rule.
  enum Step: Sendable {
    /// Goes on where the field has one of the values.
    case require(PacketSpace.Field, IntervalSet)
    /// What becomes of packets with one of the values cannot be told.
    case unknown(PacketSpace.Field, IntervalSet, why: String)
    /// Goes on in the branch that has the field's value; `misses` are the values that none has.
    case branch(PacketSpace.Field, [Branch], misses: IntervalSet)
    /// Goes on where source and service together lie in one of the boxes, none of which overlaps another.
    case requireAny([Box])
    case count(String)
    case verdict(VerdictCode)
    /// `nft_reject_types`
    case reject(UInt32)
    /// What cannot be told of any packet that comes so far.
    case undetermined(String)
  }

  /// Sources and services of an element of concatenated ranges.
  struct Box: Sendable {
    let sources: IntervalSet
    let services: IntervalSet
  }

  /// What a map holds for some keys.
  struct Branch: Sendable {
    let values: IntervalSet
    let value: ElementValue?
  }

  let steps: [Step]

  /// Prepares a rule of a table whose sets are these, in a chain before or behind conntrack.
  init(_ rule: KernelRule, family: AddressFamily, sets: [String: KernelSet]) {
    // A drop's log leaves every packet as it is, within its limit or above.
    if rule.isDropLog {
      steps = []
      return
    }
    var reader = SpaceRuleReader(family: family, sets: sets)
    for expression in rule.expressions where !reader.isOver { reader.read(expression) }
    steps = reader.steps
  }
}
