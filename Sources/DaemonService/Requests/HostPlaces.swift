// SPDX-License-Identifier: GPL-3.0-or-later

package import Enforcement
internal import LinuxHost
internal import NetworkModel
package import ReleaseFiles

/// Where the state, the control socket and the trust file of this host are: as an option names them, else as a variable does,
/// else the usual places. In a network namespace other than the machine's own they must be named, because what is tried out
/// there must not change what the machine loads at its next boot, nor ask the machine's daemon.
package enum HostPlaces {
  /// The usual path of the policy file.
  package static let policy = "/etc/wgfence/policy.yaml"
  /// The usual path of the socket of the report service.
  package static let reports = "/run/wgfence-report.sock"
  /// The usual path of the control socket.
  package static let socket = "/run/wgfence/control.sock"

  /// The state directory; nil: it must be named.
  package static func state(_ named: String?) -> StateDirectory? {
    place(named, "WGFENCE_STATE_DIR", StateDirectory.defaultPath).map { StateDirectory($0) }
  }

  /// Whether a state directory is named, by an option or a variable.
  package static func isStateNamed(_ named: String?) -> Bool {
    named != nil || Caller.variable("WGFENCE_STATE_DIR") != nil
  }

  /// The path of the control socket; nil: it must be named.
  package static func socket(_ named: String?) -> String? { place(named, "WGFENCE_SOCKET", socket) }

  /// The path of the report service's socket; nil: it must be named.
  package static var reportSocket: String? { place(nil, "WGFENCE_REPORT_SOCKET", reports) }

  /// The trust file and the ratchet of a fleet; nil: they must be named.
  package static func fleet(_ named: String?, state: StateDirectory?) -> FleetPlaces? {
    guard let state, let trust = place(named, "WGFENCE_FLEET_TRUST", FleetPlaces.defaultTrust) else {
      return nil
    }
    return FleetPlaces(trust: trust, state: state)
  }

  private static func place(_ named: String?, _ variable: String, _ usual: String) -> String? {
    if let named = named ?? Caller.variable(variable) { return named }
    return NetworkNamespace.current().isCertainlyOther ? nil : usual
  }

  /// Why rules may not be written in this network namespace: in the machine's own, a user must say so by `--host`, and debug
  /// builds never write there. Nil if they may.
  package static func refusal(isForHost: () -> Bool) -> Refusal? {
    guard let here = NetworkNamespace.current().machineClause else { return nil }
    #if DEBUG
      return Refusal(
        "\(here), and this is a debug build, which never writes a ruleset there: "
          + "use a release build, or another network namespace (unshare -n)")
    #else
      if isForHost() { return nil }
      return Refusal(
        "\(here): use --host to change this host's firewall, "
          + "or try the policy in another network namespace (unshare -n)")
    #endif
  }
}
