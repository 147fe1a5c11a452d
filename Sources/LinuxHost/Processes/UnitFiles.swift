// SPDX-License-Identifier: GPL-3.0-or-later

internal import Glibc
internal import Netlink

/// The units after which a systemd unit is ordered, by its files: `After=` of the unit and of its drop-ins,
/// in the order of systemd.unit(5). Dependencies that systemd adds by itself, and `Before=` of other units,
/// are not included.
public enum UnitFiles {
  /// The folders of unit files. The first one that has the unit counts.
  public static let folders = [
    "/etc/systemd/system", "/run/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system",
    "/lib/systemd/system",
  ]

  /// The units after which a unit starts; nil if it has no readable file.
  public static func order(of unit: String, folders: [String] = folders) -> Set<String>? {
    guard !unit.contains("/"), unit != ".", unit != ".." else { return nil }
    var names = [unit]
    // `postgresql@15-main.service` is an instance of `postgresql@.service`.
    if let at = unit.firstIndex(of: "@"), let dot = unit.lastIndex(of: "."), at < dot {
      names.append(String(unit[...at] + unit[dot...]))
    }
    var after: Set<String>?
    search: for name in names {
      for folder in folders {
        guard let text = try? ProcFile.text("\(folder)/\(name)") else { continue }
        after = []
        add(text, to: &after)
        break search
      }
    }
    guard after != nil else { return nil }
    for name in names {
      for folder in folders {
        for file in files(in: "\(folder)/\(name).d") {
          if let text = try? ProcFile.text("\(folder)/\(name).d/\(file)") { add(text, to: &after) }
        }
      }
    }
    return after
  }

  /// Adds the units of `After=` lines. An empty value clears the list, and a line that ends with a backslash
  /// continues on the next line.
  private static func add(_ text: String, to after: inout Set<String>?) {
    let text = text.split(separator: "\\\n", omittingEmptySubsequences: false).joined(separator: " ")
    for line in text.split(whereSeparator: \.isNewline) {
      guard let equals = line.firstIndex(of: "="), line[..<equals].filter({ !$0.isWhitespace }) == "After"
      else {
        continue
      }
      let units = line[line.index(after: equals)...].split(whereSeparator: \.isWhitespace).map(String.init)
      if units.isEmpty { after = [] } else { after?.formUnion(units) }
    }
  }

  private static func files(in folder: String) -> [String] {
    guard let stream = opendir(folder) else { return [] }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = Glibc.readdir(stream) {
      let name = withUnsafeBytes(of: entry.pointee.d_name) {
        String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name.hasSuffix(".conf") { names.append(name) }
    }
    return names.sorted()
  }
}
