// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel

/// The names that are allowed in `from` and `to`. Each has one meaning.
struct NameTable {
  /// The meaning of a name.
  enum Kind: String {
    case machine, group, tunnel, list, zone
  }

  private(set) var kinds: [String: (kind: Kind, mark: Mark?)] = [
    Zone.internet: (.zone, nil), Zone.containers: (.zone, nil),
  ]

  /// Adds a name; returns its existing meaning if that is a different one.
  mutating func add(_ name: YamlText, _ kind: Kind) -> (kind: Kind, mark: Mark?)? {
    if let known = kinds[name.text] {
      if known.kind == kind { return nil }
      ambiguous.insert(name.text)
      return known
    }
    kinds[name.text] = (kind, name.mark)
    return nil
  }

  /// Names with two meanings, which have been reported: their uses are not checked.
  private(set) var ambiguous: Set<String> = []

  subscript(name: String) -> Kind? { kinds[name]?.kind }

  /// The names of these kinds.
  func names(_ wanted: Kind...) -> [String] { kinds.filter { wanted.contains($0.value.kind) }.map(\.key) }

  /// Whether a text has the form of a name that the policy can define.
  static func isName(_ text: String) -> Bool {
    let bytes = text.utf8
    guard let first = bytes.first, isLetter(first), bytes.count <= 63 else { return false }
    return bytes.allSatisfy {
      isLetter($0) || isDigit($0) || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: "-")
    }
  }

  /// Whether a text has the form of a tunnel's name: an interface name with only the characters that wg-quick
  /// accepts.
  static func isTunnelName(_ text: String) -> Bool {
    (1...15).contains(text.utf8.count) && text != "." && text != ".."
      && text.utf8.allSatisfy { isLetter($0) || isDigit($0) || "_=+.-".utf8.contains($0) }
  }

  private static func isLetter(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
  }

  private static func isDigit(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
  }
}

extension PolicyDecoder {
  /// The entries with valid names, of the sections whose keys are names.
  struct Sections {
    var tunnels: [YamlEntry] = []
    var machines: [YamlEntry] = []
    var groups: [YamlEntry] = []
    var lists: [YamlEntry] = []
  }

  /// Collects every name before any of them is used.
  mutating func gatherNames(_ top: Fields) -> Sections {
    var sections = Sections()
    var found: [(name: YamlText, kind: NameTable.Kind)] = []
    sections.tunnels = named(section(top, "tunnels"), .tunnel, &found)
    sections.machines = named(section(top, "machines"), .machine, &found)
    sections.groups = named(section(top, "groups"), .group, &found)
    sections.lists = named(section(top, "lists"), .list, &found)
    if let node = top["machines"], case .map(let entries) = node.content, entries.isEmpty {
      log.error(node.mark, "the policy has no machine", help: "define at least one machine")
    } else if top["machines"] == nil {
      log.error(
        top.mark.with(length: 1), "the policy has no 'machines'", help: "define at least one machine")
    }
    for machine in sections.machines {
      guard case .map(let fields) = machine.value.content,
        case .map(let zones)? = fields.first(where: { $0.key.text == "zones" })?.value.content
      else { continue }
      for zone in zones where NameTable.isName(zone.key.text) { found.append((zone.key, .zone)) }
    }
    // Of two uses, the one further down is reported, independently of the order of the sections.
    for (name, kind) in found.sorted(by: { $0.name.mark < $1.name.mark }) {
      guard let other = names.add(name, kind) else { continue }
      let place =
        other.mark.map { "line \($0.line) defines a \(other.kind.rawValue) with this name" }
        ?? "a built-in zone has this name"
      log.error(name.mark, "the name '\(name.text)' has two meanings", help: "\(place): choose another one")
    }
    for name in names.names(.tunnel) {
      guard let dot = name.firstIndex(of: "."), names[String(name[..<dot])] == .machine,
        names[String(name[name.index(after: dot)...])] == .zone, let mark = names.kinds[name]?.mark
      else { continue }
      log.error(
        mark, "the tunnel '\(name)' has the same name as a zone of a machine", help: "rename the zone")
    }
    return sections
  }

  /// The entries with valid names; the others are reported.
  private mutating func named(
    _ entries: [YamlEntry], _ kind: NameTable.Kind, _ found: inout [(name: YamlText, kind: NameTable.Kind)]
  ) -> [YamlEntry] {
    var result: [YamlEntry] = []
    for entry in entries {
      let name = entry.key
      if kind == .tunnel {
        guard NameTable.isTunnelName(name.text), PrefixScanner.scan(name.text) == nil else {
          log.error(
            name.mark, "'\(name.text.shortened)' is not a valid name for a tunnel",
            help: "use the name of an interface: 1 to 15 letters, digits or _=+.-")
          continue
        }
      } else if !checkName(name, "a \(kind.rawValue)") {
        continue
      }
      found.append((name, kind))
      result.append(entry)
    }
    return result
  }

  /// Whether a name is valid; reported if it is not.
  mutating func checkName(_ name: YamlText, _ what: String) -> Bool {
    if NameTable.isName(name.text) { return true }
    log.error(
      name.mark, "'\(name.text.shortened)' is not a valid name for \(what)",
      help: "use a letter, then up to 62 letters, digits, '-' or '_'")
    return false
  }
}
