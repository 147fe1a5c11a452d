// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel

extension Audit {
  /// A former name.
  public var approaches: [Ingress] { ingresses }
}

extension Diagnosis {
  /// A former name.
  public var isIll: Bool { hasProblems }
}

/// A former name.
public typealias FlowWay = FlowDirection

extension CutFlow {
  /// A former name.
  public var way: FlowDirection { direction }
}

extension FlowEnds {
  /// A former name.
  init(way: FlowDirection, machine: String, zone: String, interface: InterfaceName?) {
    self.init(direction: way, machine: machine, zone: zone, interface: interface)
  }
}
