// SPDX-License-Identifier: GPL-3.0-or-later

internal import HostAnalysis
internal import NetworkModel

/// The texts of an exposure for the page. They are not escaped: `Markup` and `MapText` do that.
struct ExposureWords {
  private let exposure: Exposure

  init(_ exposure: Exposure) { self.exposure = exposure }

  /// `5432/tcp postgres`
  var port: String { [number, service].compactMap { $0 }.joined(separator: " ") }

  private var number: String { "\(exposure.ports)/\(exposure.listener.protocol)" }

  /// The service's name; nil if it is only the port and protocol.
  package var service: String? { exposure.serviceName }

  /// Its address; nil if that is every address of a family.
  var address: String? { place(exposure.listener.isWildcard ? nil : "\(exposure.listener.address)") }

  /// Its address, also if that is every address of a family. It distinguishes sockets with the same port.
  var fullAddress: String? {
    place(exposure.listener.isDualStack ? "IPv4 and IPv6" : "\(exposure.listener.address)")
  }

  private func place(_ address: String?) -> String? {
    let interface = exposure.listener.boundInterface.map { "on \($0)" }
    let target = exposure.published.map { "to \($0.text)" }
    let words = [address, interface, target].compactMap { $0 }
    return words.isEmpty ? nil : words.joined(separator: " ")
  }

  /// The socket, and the destination of its packets.
  var socketLines: [String] {
    [exposure.socket] + (exposure.published.map { ["→ \($0.text)"] } ?? [])
  }

  /// The same on one line.
  var socket: String { socketLines.joined(separator: " ") }

  /// What answers, in this order: container, image, Compose project, Swarm service, process, unit, network,
  /// namespace.
  var who: [String] {
    var words: [String] = []
    if let container = exposure.container {
      words.append("container \(container)")
      if let image = container.image { words.append("image \(image)") }
      if let project = container.composeProject {
        words.append("Compose \(project)" + (container.composeService.map { "/\($0)" } ?? ""))
      }
      if let service = container.swarmService { words.append("Swarm \(service)") }
    }
    if let process = exposure.listener.process {
      words.append("\(process.name) (pid \(process.pid))")
      if let unit = process.unit { words.append("unit \(unit)") }
    } else if exposure.container == nil {
      words.append(
        exposure.published != nil
          ? "published" : exposure.listener.isKernelSocket ? "the kernel" : "process unknown")
    }
    if let network = exposure.network { words.append(network) }
    switch exposure.place {
    case .host: break
    case .container(let own): if own != exposure.container { words.append("in container \(own)") }
    case .named, .process: words.append("in \(exposure.place)")
    }
    return words
  }
}
