// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PacketSets

extension ImportComparison.Run {
  /// Compares what both forward, from each side to each target.
  mutating func compare(
    _ forwarded: ForwardedReach, _ grid: ForwardGrid, on sides: [ImportSide], _ frame: ImportFrame
  ) {
    let old = forwarded.grid.walk
    for side in sides {
      for target in forwarded.targets where grid.isPair(side, target) {
        for family in AddressFamily.allCases {
          for range in grid.sources.ranges(of: family, in: side.sources[family] ?? .empty) {
            for ports in grid.ports {
              for question in grid.questions(ports, range, family, from: side, to: target) {
                compare(question, ports, range, from: side, to: target, old, grid)
              }
            }
          }
        }
      }
    }
  }

  private mutating func compare(
    _ question: ImportWalk.Question, _ ports: ForwardedReach.Ports, _ range: AddressClasses.Range,
    from side: ImportSide, to target: ForwardTarget, _ old: ImportWalk, _ grid: ForwardGrid
  ) {
    count += 1
    func passes(_ outcome: ImportWalk.Outcome) -> Bool {
      outcome.verdict == .accepted && outcome.output.map { target.interfaces.contains($0) } == true
    }
    let (before, after) = (old.outcome(question), grid.walk.outcome(question))
    if passes(after), before.verdict != .accepted {
      // Every policy lets guests out.
      if side.kind == .containers {
        builtIn.add(question, ports.range, side, range, after.because, to: target.word)
      } else {
        gained.add(question, ports.range, side, range, after.because, to: target.word)
      }
    }
    if passes(before), after.verdict != .accepted {
      lost.add(question, ports.range, side, range, after.because, to: target.word)
    }
  }
}
