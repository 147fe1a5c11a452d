// SPDX-License-Identifier: GPL-3.0-or-later

internal import Glibc
public import Netlink
public import NetworkModel

/// Reads what the health of a tunnel depends on, in the calling thread's network namespace. Changes nothing,
/// and sends nothing except queries to the kernel, to WireGuard and to Docker.
public enum HostFactsReader {
  /// Reads everything except the routes, which must be queried by destination. Throws only if the interfaces
  /// or the sockets cannot be listed: then nothing could be reported.
  public static func read(
    docker: DockerSocket? = DockerSocket.find(), engines: [String] = DockerContainers.paths
  ) throws(HostReadError) -> HostFacts {
    let survey = try HostReader.survey(engines: engines)
    var facts = read(of: survey)
    facts.elsewhere = try NamespaceReader.read(survey)
    facts.docker = DockerReader.read(docker)
    for unit in Set(survey.host.snapshot.listeners.compactMap { $0.process?.unit }) {
      facts.unitOrder[unit] = UnitFiles.order(of: unit)
    }
    return facts
  }

  /// Reads what WireGuard and the kernel's settings say about the host of a survey. Does not query Docker.
  public static func read(of survey: HostSurvey) -> HostFacts {
    let host = survey.host.snapshot
    let devices = WireGuardDevices.read(interfaces: host.interfaces)
    return HostFacts(
      host: host, time: Int64(time(nil)), wireGuard: WireGuardFacts(devices),
      settings: SettingReader.read(host.interfaces))
  }

  /// The peers to which more was sent than these devices report, measured after one second.
  public static func sent(since before: [WireGuardDevice], on host: HostSnapshot) -> Set<WireGuardKey> {
    usleep(1_000_000)
    let now = WireGuardDevices.read(interfaces: host.interfaces).devices
    let counts = Dictionary(before.flatMap(\.peers).map { ($0.publicKey, $0.sentBytes) }) { first, _ in first
    }
    return Set(
      now.flatMap(\.peers).filter { peer in counts[peer.publicKey].map { peer.sentBytes > $0 } ?? false }.map(
        \.publicKey))
  }
}

extension WireGuardFacts {
  /// Creates the facts from what was read of the devices.
  init(_ devices: WireGuardDevices) {
    self.init(devices: devices.devices)
    for failure in devices.failures {
      switch failure.reason {
      case .unreadable(let error): unread[failure.name] = error.description
      case .interfaceMissing: orphanSockets.append(failure.name)
      }
    }
  }
}
