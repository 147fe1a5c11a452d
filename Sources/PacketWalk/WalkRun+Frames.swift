// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import Ruleset

/// The way of a packet below IP: through devices and bridges.
extension WalkRun {
  /// Nested devices of which the kernel does not make more (`MAX_NEST_DEV` of `linux/netdevice.h`).
  private static let deepestNesting = 8

  /// Passes an arriving packet through the chains of its input interface: of the device below it, of the bridge that it comes
  /// through, and its own. Returns whether it continues after them.
  mutating func enter() -> Bool {
    guard walk.seesFrames, let input = packet.input else { return true }
    return enter(input, nesting: 0)
  }

  private mutating func enter(_ device: InterfaceName, nesting: Int) -> Bool {
    let below = nesting < Self.deepestNesting ? environment.lowerInterfaces(of: device) : []
    if !below.isEmpty {
      let kind = environment.facts(of: device)?.kind
      guard let lower = choose(below, nesting, { .ingress($0) }) else { return false }
      let wasTagged = isTagged
      if kind == "vlan" { isTagged = true }
      if case .device(let lower) = lower {
        guard enter(lower, nesting: nesting + 1) else { return false }
      }
      isTagged = wasTagged
      if kind == "bridge" {
        if case .device(let lower) = lower { port = lower } else { port = nil }
        guard pass(.bridge(NFT.hookPrerouting)), pass(.bridge(NFT.hookInput)) else { return false }
      }
    }
    return pass(.ingress(device))
  }

  /// Passes a packet that leaves the host, or its namespace, through the chains of its output interface. Returns whether it
  /// continues after them.
  mutating func emit() -> Bool {
    guard walk.seesFrames, let output = packet.output else { return true }
    return emit(output, nesting: 0)
  }

  private mutating func emit(_ device: InterfaceName, nesting: Int) -> Bool {
    guard pass(.egress(device)) else { return false }
    let below = nesting < Self.deepestNesting ? environment.lowerInterfaces(of: device) : []
    if below.isEmpty { return true }
    guard let lower = choose(below, nesting, { .egress($0) }) else { return false }
    if environment.facts(of: device)?.kind == "bridge" {
      if case .device(let lower) = lower { port = lower } else { port = nil }
      guard pass(.bridge(NFT.hookOutput)), pass(.bridge(NFT.hookPostrouting)) else { return false }
    }
    guard case .device(let lower) = lower else { return true }
    return emit(lower, nesting: nesting + 1)
  }

  /// Passes a frame that a bridge forwards from one of its ports to another through the chains on its way in.
  mutating func enterBridge() -> Bool {
    guard walk.seesFrames, let bridge = packet.input else { return true }
    guard let lower = choose(environment.lowerInterfaces(of: bridge), 0, { .ingress($0) }) else {
      return false
    }
    port = nil
    if case .device(let device) = lower {
      guard enter(device, nesting: 1) else { return false }
      port = device
    }
    return pass(.bridge(NFT.hookPrerouting)) && pass(.bridge(NFT.hookForward))
  }

  /// Passes such a frame through the chains on its way out.
  mutating func leaveBridge() -> Bool {
    guard walk.seesFrames, let bridge = packet.output else { return true }
    let others = environment.lowerInterfaces(of: bridge).filter { $0 != port }
    guard let lower = choose(others, 0, { .egress($0) }) else { return false }
    port = if case .device(let device) = lower { device } else { nil }
    guard pass(.bridge(NFT.hookPostrouting)) else { return false }
    if case .device(let device) = lower { return emit(device, nesting: 1) }
    return true
  }

  /// The device below an interface that a packet takes.
  private enum Lower {
    case device(InterfaceName)
    /// One of those without chains.
    case any
  }

  /// Chooses the device below an interface: the only one, else each of those with chains in a run of its own. Nil if the run
  /// ends here.
  private mutating func choose(
    _ devices: [InterfaceName], _ nesting: Int, _ hook: (InterfaceName) -> FrameHook
  ) -> Lower? {
    if devices.count == 1 { return .device(devices[0]) }
    let relevant = devices.filter { isRelevant($0, nesting + 1, hook) }
    for (index, device) in relevant.enumerated() {
      // Of devices that all have chains, the last is what remains.
      if index == devices.count - 1 { return .device(device) }
      guard let isIt = takes("the way through \(device)") else { return nil }
      if isIt { return .device(device) }
    }
    return .any
  }

  /// Whether a device, or one below it, has chains or programs.
  private func isRelevant(_ device: InterfaceName, _ nesting: Int, _ hook: (InterfaceName) -> FrameHook)
    -> Bool
  {
    let place = hook(device)
    if !walk.frames.places(place).isEmpty || walk.obstacles.at(place) != nil { return true }
    guard nesting < Self.deepestNesting else { return false }
    return environment.lowerInterfaces(of: device).contains { isRelevant($0, nesting + 1, hook) }
  }

  private mutating func pass(_ hook: FrameHook) -> Bool {
    meet(walk.obstacles.at(hook))
    let places = walk.frames.places(hook)
    if places.isEmpty { return true }
    frame = hook
    self.hook = NFT.hookIngress
    defer { frame = nil }
    for place in places {
      guard traverse(place) else { return false }
    }
    return true
  }

  // MARK: What is not in the rules

  /// Records something that the packet passes and that may drop, change or redirect it.
  mutating func meet(_ spot: BlindSpot?) {
    if obstacle == nil { obstacle = spot }
  }

  /// The input interface as a rule of the frame's hook sees it.
  var frameInput: FrameDevice {
    switch frame {
    case .ingress(let device): .device(device)
    case .bridge(NFT.hookPrerouting), .bridge(NFT.hookInput), .bridge(NFT.hookForward):
      port.map(FrameDevice.device) ?? .unknown
    case .egress, .bridge, nil: .none
    }
  }

  /// The output interface as a rule of the frame's hook sees it.
  var frameOutput: FrameDevice {
    switch frame {
    case .egress(let device): .device(device)
    case .bridge(NFT.hookOutput), .bridge(NFT.hookPostrouting): port.map(FrameDevice.device) ?? .unknown
    // The port by which a bridge forwards.
    case .bridge(NFT.hookForward): .unknown
    case .ingress, .bridge, nil: .none
    }
  }
}

/// A device of a frame's hook.
enum FrameDevice {
  case none
  case device(InterfaceName)
  /// One of the ports of a bridge.
  case unknown
}
