// SPDX-License-Identifier: GPL-3.0-or-later

/// The systemd unit and the container that a process runs in, from its control group. Source:
/// `/proc/PID/cgroup`, cgroups(7); naming: systemd.unit(5), and the drivers of Docker, containerd, CRI-O,
/// Podman.
public struct ControlGroup: Sendable, Hashable {
  /// The unit of the system, such as `postgresql@15-main.service` or `session-3.scope`. For a unit of a user,
  /// that user's manager (`user@1000.service`). Units inside a container do not belong to the host and are
  /// left out.
  public let unit: String?
  /// The outermost container: 64 hexadecimal digits.
  public let container: String?

  /// Reads the text of `/proc/PID/cgroup`: lines of `NUMBER:CONTROLLERS:PATH`. Version 2 (number 0, no
  /// controllers) and systemd's own hierarchy of version 1 give the unit; any hierarchy gives the container.
  /// Never fails: a line that is not understood is ignored.
  public init(_ text: some StringProtocol) {
    var unit: String?
    var container: String?
    for line in text.split(separator: "\n") {
      let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
      guard fields.count == 3 else { continue }
      let components = fields[2].split(separator: "/").map { String($0) }
      if container == nil { container = components.lazy.compactMap(Self.container(in:)).first }
      if unit == nil, fields[1].isEmpty || fields[1] == "name=systemd" { unit = Self.unit(in: components) }
    }
    self.unit = unit
    self.container = container
  }

  private static func unit(in components: [String]) -> String? {
    for component in components {
      // systemd writes a "_" before names that the kernel reserves.
      let name = component.hasPrefix("_") ? String(component.dropFirst()) : component
      if [".service", ".scope", ".socket", ".mount", ".swap"].contains(where: { name.hasSuffix($0) }) {
        return name
      }
      if container(in: component) != nil { return nil }
    }
    return nil
  }

  /// `HEX`, `docker-HEX.scope`, `libpod-HEX.scope`, `cri-containerd-HEX.scope`, `SLICE:cri-containerd:HEX`.
  /// The monitor of a container (`libpod-conmon-HEX.scope`) runs outside the container.
  private static func container(in component: String) -> String? {
    var bytes = Array(component.utf8)[...]
    if component.hasSuffix(".scope") { bytes = bytes.dropLast(6) }
    let digits = bytes.suffix(64)
    guard digits.count == 64, digits.allSatisfy({ "0123456789abcdef".utf8.contains($0) }) else { return nil }
    let before = bytes.dropLast(64)
    guard before.isEmpty || before.last == UInt8(ascii: "-") || before.last == UInt8(ascii: ":") else {
      return nil
    }
    guard !component.contains("conmon-") else { return nil }
    return String(decoding: digits, as: UTF8.self)
  }
}
