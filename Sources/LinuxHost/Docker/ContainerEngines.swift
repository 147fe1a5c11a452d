// SPDX-License-Identifier: GPL-3.0-or-later

internal import Glibc

/// Where the container engines of this host are asked: at the socket that `DOCKER_HOST` names, as Docker's own programs
/// have it, else at the usual ones.
package enum ContainerEngines {
  /// The sockets to ask, the first that answers first.
  package static var paths: [String] { named.map { [$0] } ?? DockerContainers.paths }

  /// Docker's own socket; nil where there is none.
  package static var docker: DockerSocket? { named.map { DockerSocket(path: $0) } ?? DockerSocket.find() }

  private static var named: String? {
    guard let value = getenv("DOCKER_HOST") else { return nil }
    let host = String(cString: value)
    return host.hasPrefix("unix://") ? String(host.dropFirst(7)) : nil
  }
}
