// SPDX-License-Identifier: GPL-3.0-or-later

internal import HostAnalysis
internal import NetworkModel
internal import PacketWalk
internal import PolicyLanguage

/// The layout of the map of an audit: on the left the sides with their senders, on the right the services that are
/// reached, and between them a line for each flow. All lengths are in units of the drawing, which are pixels at its
/// natural size.
///
/// The map is drawn as a wiring diagram. Senders with the same kind of flow share a trunk. Each trunk has its own
/// lane and a branch to each service. Trunks start at multiples of 8, branches end at an offset of 4 from these, and
/// no two trunks share a lane. So lines may cross, but no line runs on top of another.
package struct ExposureMap: Sendable, Hashable {
  package let width: Int
  package let height: Int
  let headings: [Label]
  let sides: [Side]
  let services: [Service]
  let lines: [Line]
  /// The exposures that no side reaches, by their index in the audit.
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

  /// A text, and the start of its baseline.
  struct Label: Sendable, Hashable {
    let x: Int
    let y: Int
    let text: String
    let style: Style

    /// The style of a label.
    enum Style: String, Sendable, Hashable {
      case heading
      case title
      case plain
      case dim
      case exposed
      case undetermined
    }
  }

  /// A side with its senders.
  struct Side: Sendable, Hashable {
    package let name: String
    package let frame: Frame
    package let labels: [Label]
    /// Whether no flow comes from this side.
    let isSilent: Bool
  }

  /// A service. Sockets that differ only in their addresses are one service.
  struct Service: Sendable, Hashable {
    /// Its exposures, by their index in the audit.
    package let exposures: [Int]
    package let frame: Frame
    package let labels: [Label]
    let state: State

    /// The most severe state of its flows.
    enum State: String, Sendable, Hashable {
      case meant
      case undetermined
      case exposed
    }
  }

  /// A flow from senders of one side to a service.
  struct Line: Sendable, Hashable {
    package let flow: Flow
    /// Its side, by index in `sides`.
    package let side: Int
    package let senders: [String]
    /// Its service, by index in `services`.
    package let service: Int
    let because: String
    /// The start at its side, the x of its lane, and the end at its service.
    let startX: Int
    let startY: Int
    let laneX: Int
    let endX: Int
    let endY: Int
  }

  /// The kind of a flow. Each kind has its own line style.
  package enum Flow: String, Sendable, Hashable, CaseIterable {
    /// Let in, through a tunnel.
    case tunnel
    /// Let in as intended, not through a tunnel.
    case clear
    /// Let in without a grant.
    case exposed
    /// It is undetermined whether it is let in.
    case undetermined

    /// The kind of flow of a reach from a side of this kind; nil if it is refused.
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

  /// The dimensions of a drawing.
  package struct Measures: Sendable, Hashable {
    /// The minimum width.
    let width: Int
    let sideWidth: Int
    let serviceWidth: Int
    /// The width of a character, in tenths. In fixed-width fonts it is about 0.6 of the font size.
    let characterTenths: Int
    let lineHeight: Int
    let inset: Int

    /// For windows and paper; font size 13 pixels.
    static let wide = Measures(
      width: 1120, sideWidth: 272, serviceWidth: 440, characterTenths: 80, lineHeight: 18, inset: 12)
    /// For a phone; font size 11 pixels.
    static let narrow = Measures(
      width: 328, sideWidth: 104, serviceWidth: 152, characterTenths: 68, lineHeight: 15, inset: 6)

    func columns(_ width: Int) -> Int { (width - 2 * inset) * 10 / characterTenths }
  }
}
