// SPDX-License-Identifier: GPL-3.0-or-later

internal import HostAnalysis
internal import NetworkModel
internal import PacketWalk
internal import PolicyLanguage

/// The map of an audit, laid out: on the left the sides with their senders, on the right the services that are reached,
/// and between them a line for each flow. All lengths are in the units of the drawing, pixels at its own size.
///
/// It is drawn as a wiring diagram: senders that fare alike have one trunk of their own, which stands in a lane of its
/// own and has a branch to each service. Trunks start at multiples of 8, branches end 4 beside them, and no two lanes are
/// one: so lines cross, and none runs on top of another's.
package struct ExposureMap: Sendable, Hashable {
  package let width: Int
  package let height: Int
  let headings: [Label]
  let sides: [Side]
  let services: [Service]
  let lines: [Line]
  /// The exposures that no side reaches, by their place in the audit.
  package let unreached: [Int]

  /// A rectangle.
  struct Frame: Sendable, Hashable {
    let x: Int
    let y: Int
    let width: Int
    let height: Int

    var right: Int { x + width }
    var bottom: Int { y + height }
  }

  /// A text and the start of its base line.
  struct Label: Sendable, Hashable {
    let x: Int
    let y: Int
    let text: String
    let style: Style

    /// What it is.
    enum Style: String, Sendable, Hashable {
      case heading
      case title
      case plain
      case dim
      case exposed
      case undetermined
    }
  }

  /// A side and who sends from there.
  struct Side: Sendable, Hashable {
    package let name: String
    package let frame: Frame
    package let labels: [Label]
    /// Whether nothing is let in from there, as far as it could be told.
    let isSilent: Bool
  }

  /// A service. Sockets that differ in their addresses alone are one.
  struct Service: Sendable, Hashable {
    /// The exposures that it stands for, by their place in the audit.
    package let exposures: [Int]
    package let frame: Frame
    package let labels: [Label]
    let state: State

    /// The gravest that can be said of it.
    enum State: String, Sendable, Hashable {
      case meant
      case undetermined
      case exposed
    }
  }

  /// A flow from senders of one side to a service.
  struct Line: Sendable, Hashable {
    package let flow: Flow
    /// Its side, by its place in `sides`.
    package let side: Int
    package let senders: [String]
    /// Its service, by its place in `services`.
    package let service: Int
    let because: String
    /// Where it leaves its side, turns, turns again, and comes in.
    let startX: Int
    let startY: Int
    let laneX: Int
    let endX: Int
    let endY: Int
  }

  /// How something flows. Each is drawn in a way of its own.
  package enum Flow: String, Sendable, Hashable, CaseIterable {
    /// Let in, through a tunnel.
    case tunnel
    /// Let in as it should be, and in clear.
    case clear
    /// Let in though nothing says so.
    case exposed
    /// Perhaps let in.
    case undetermined

    /// What becomes of this reach from a side of this kind; nil where nothing flows.
    init?(_ reach: Exposure.Reach, from kind: Ingress.Kind) {
      switch reach.verdict {
      case .accept:
        switch reach.standing {
        case .ungranted: self = .exposed
        case .granted, .unjudged: self = kind == .tunnel ? .tunnel : .clear
        }
      case .undetermined: self = .undetermined
      case .drop, .reject: return nil
      }
    }
  }

  /// The measures of a drawing.
  package struct Measures: Sendable, Hashable {
    /// The least width.
    let width: Int
    let sideWidth: Int
    let serviceWidth: Int
    /// Tenths of a character's width. Fonts of fixed width have about 0.6 of their size.
    let characterTenths: Int
    let lineHeight: Int
    let inset: Int

    /// For windows and paper; 13 pixels of type.
    static let wide = Measures(
      width: 1120, sideWidth: 272, serviceWidth: 440, characterTenths: 80, lineHeight: 18, inset: 12)
    /// For a telephone; 11 pixels of type.
    static let narrow = Measures(
      width: 328, sideWidth: 104, serviceWidth: 152, characterTenths: 68, lineHeight: 15, inset: 6)

    func columns(_ width: Int) -> Int { (width - 2 * inset) * 10 / characterTenths }
  }
}
