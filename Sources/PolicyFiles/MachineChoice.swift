// SPDX-License-Identifier: GPL-3.0-or-later

internal import Glibc
public import PolicyLanguage

/// Which machine of a policy this host is.
public struct MachineChoice: Sendable {
  /// The machine that was named; nil: the machine with the host's name.
  public var given: String?

  /// A choice: a machine's name, or nil for the host's own.
  public init(given: String? = nil) { self.given = given }

  /// The machine's name: as given; else the full host name if the policy has it; else the host name up to its first
  /// dot.
  public func name(in policy: Policy) -> String {
    if let given { return given }
    let host = Self.hostName
    return policy.machine(named: host) == nil ? String(host.prefix { $0 != "." }) : host
  }

  /// The host's own name (gethostname(2)); empty if that fails.
  public static var hostName: String {
    var buffer = [CChar](repeating: 0, count: 256)
    guard gethostname(&buffer, buffer.count - 1) == 0 else { return "" }
    return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}

/// The host's clock.
public enum Today {
  /// The day, in UTC.
  public static var date: CalendarDate { CalendarDate(secondsSince1970: time) }
  /// Seconds since 1970-01-01T00:00:00Z.
  public static var time: Int { Glibc.time(nil) }
}
