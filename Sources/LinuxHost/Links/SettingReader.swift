// SPDX-License-Identifier: GPL-3.0-or-later

internal import Netlink
public import NetworkModel

/// Reads settings of the calling thread's network namespace from `/proc/sys/net`.
public enum SettingReader {
  /// The settings of the namespace and of these interfaces. A setting that cannot be read is left out.
  public static func read(_ interfaces: [NetworkInterface]) -> [NetworkSetting: Int] {
    var settings: [NetworkSetting] = [.sourceValidMark, .arpIgnore, .reversePathFilter(nil)]
    settings += AddressFamily.allCases.flatMap { [.forwarding($0), .nonLocalBind($0)] }
    settings += interfaces.map { .reversePathFilter($0.name) }
    var values: [NetworkSetting: Int] = [:]
    for setting in settings {
      guard let text = try? ProcFile.text("/proc/sys/net/\(setting.path)") else { continue }
      values[setting] = Int(text.filter { !$0.isWhitespace })
    }
    return values
  }
}
