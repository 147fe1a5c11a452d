// SPDX-License-Identifier: GPL-3.0-or-later

internal import Glibc

/// The sockets of this host's container engines: the socket that `DOCKER_HOST` names, as for Docker's own
/// programs, else the usual paths.
package enum ContainerEngines {
  /// The paths of the sockets to query, in this order.
  package static var paths: [String] { named.map { [$0] } ?? DockerContainers.paths }

  /// Docker's own socket; nil if there is none.
  package static var docker: DockerSocket? { named.map { DockerSocket(path: $0) } ?? DockerSocket.find() }

  private static var named: String? {
    guard let value = getenv("DOCKER_HOST") else { return nil }
    let host = String(cString: value)
    return host.hasPrefix("unix://") ? String(host.dropFirst(7)) : nil
  }
}
