// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel

/// The names that may stand in `from` and `to`: each means one thing.
struct NameTable {
  /// What a name means.
  enum Kind: String {
    case machine, group, tunnel, list, zone
  }

  private(set) var kinds: [String: (kind: Kind, mark: Mark?)] = [
    Zone.internet: (.zone, nil), Zone.containers: (.zone, nil),
  ]

  /// Takes a name; gives what it means already where that is another thing.
  mutating func add(_ name: YamlText, _ kind: Kind) -> (kind: Kind, mark: Mark?)? {
    if let known = kinds[name.text] {
      if known.kind == kind { return nil }
      ambiguous.insert(name.text)
      return known
    }
    kinds[name.text] = (kind, name.mark)
    return nil
  }

  /// Names that mean two things, which was told: what they mean where they are used is not judged.
  private(set) var ambiguous: Set<String> = []

  subscript(name: String) -> Kind? { kinds[name]?.kind }

  /// The names that mean one of these.
  func names(_ wanted: Kind...) -> [String] { kinds.filter { wanted.contains($0.value.kind) }.map(\.key) }

  /// Whether a name has the form that names of the policy's own have.
  static func isName(_ text: String) -> Bool {
    let bytes = text.utf8
    guard let first = bytes.first, isLetter(first), bytes.count <= 63 else { return false }
    return bytes.allSatisfy {
      isLetter($0) || isDigit($0) || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: "-")
    }
  }

  /// Whether a text has the form of a tunnel's name: that of an interface, of the characters that wg-quick takes.
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
  /// The sections whose keys are names, with the entries whose names are good.
  struct Sections {
    var tunnels: [YamlEntry] = []
    var machines: [YamlEntry] = []
    var groups: [YamlEntry] = []
    var lists: [YamlEntry] = []
  }

  /// Learns every name before any of them is used.
  mutating func gatherNames(_ top: Fields) -> Sections {
    var sections = Sections()
    var found: [(name: YamlText, kind: NameTable.Kind)] = []
    sections.tunnels = named(section(top, "tunnels"), .tunnel, &found)
    sections.machines = named(section(top, "machines"), .machine, &found)
    sections.groups = named(section(top, "groups"), .group, &found)
    sections.lists = named(section(top, "lists"), .list, &found)
    if let node = top["machines"], case .map(let entries) = node.content, entries.isEmpty {
      log.error(node.mark, "the policy has no machine", help: "describe at least the one it is for")
    } else if top["machines"] == nil {
      log.error(
        top.mark.with(length: 1), "the policy has no 'machines'", help: "describe at least the one it is for")
    }
    for machine in sections.machines {
      guard case .map(let fields) = machine.value.content,
        case .map(let zones)? = fields.first(where: { $0.key.text == "zones" })?.value.content
      else { continue }
      for zone in zones where NameTable.isName(zone.key.text) { found.append((zone.key, .zone)) }
    }
    // Of two, the one further down is the one told of, whatever the order of the sections.
    for (name, kind) in found.sorted(by: { $0.name.mark < $1.name.mark }) {
      guard let other = names.add(name, kind) else { continue }
      let place =
        other.mark.map { "line \($0.line) has it as a \(other.kind.rawValue)" } ?? "it is a built-in zone"
      log.error(name.mark, "the name '\(name.text)' means two things", help: "\(place): choose another")
    }
    for name in names.names(.tunnel) {
      guard let dot = name.firstIndex(of: "."), names[String(name[..<dot])] == .machine,
        names[String(name[name.index(after: dot)...])] == .zone, let mark = names.kinds[name]?.mark
      else { continue }
      log.error(mark, "the tunnel '\(name)' reads like a zone of a machine", help: "rename the zone")
    }
    return sections
  }

  /// The entries with good names; the others are reported.
  private mutating func named(
    _ entries: [YamlEntry], _ kind: NameTable.Kind, _ found: inout [(name: YamlText, kind: NameTable.Kind)]
  ) -> [YamlEntry] {
    var result: [YamlEntry] = []
    for entry in entries {
      let name = entry.key
      if kind == .tunnel {
        guard NameTable.isTunnelName(name.text), PrefixScanner.scan(name.text) == nil else {
          log.error(
            name.mark, "'\(name.text.shortened)' cannot name a tunnel",
            help: "it is an interface: 1 to 15 of letters, digits and _=+.-")
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

  /// Reports a name that is none.
  mutating func checkName(_ name: YamlText, _ what: String) -> Bool {
    if NameTable.isName(name.text) { return true }
    log.error(
      name.mark, "'\(name.text.shortened)' cannot name \(what)",
      help: "a letter, then up to 62 letters, digits, '-' and '_'")
    return false
  }
}
