// SPDX-License-Identifier: GPL-3.0-or-later

import Glibc
import TestSupport

/// A file with a ruleset, and the program that loads it.
struct RulesetFile: Sendable {
  /// The program that loads a file.
  enum Loader: String, Sendable {
    case nft
    case iptables = "iptables-nft-restore"
    case ip6tables = "ip6tables-nft-restore"
    case iptablesLegacy = "iptables-legacy-restore"
    case ip6tablesLegacy = "ip6tables-legacy-restore"

    var isNft: Bool { self == .nft }

    /// The loader of a file: by the end of its name, else by its first line, as `iptables-save` and `nft` write it.
    init(name: String, text: String) {
      let ends: [(String, Loader)] = [
        (".nft", .nft), (".iptables", .iptables), (".ip6tables", .ip6tables),
        (".iptables-legacy", .iptablesLegacy), (".ip6tables-legacy", .ip6tablesLegacy),
      ]
      if let end = ends.first(where: { name.hasSuffix($0.0) }) {
        self = end.1
        return
      }
      let lines = text.split(separator: "\n")
      let first = lines.first ?? ""
      let isSaved = lines.contains { $0.hasPrefix("*") } && lines.contains { $0.hasPrefix("COMMIT") }
      let isV6 = first.contains("ip6tables") || name.contains("ip6tables") || name.contains(".v6")
      let isLegacy = first.contains("legacy")
      self =
        !isSaved
        ? .nft : isLegacy ? isV6 ? .ip6tablesLegacy : .iptablesLegacy : isV6 ? .ip6tables : .iptables
    }
  }

  /// Why a file cannot be loaded.
  struct Refused: Error, CustomStringConvertible { let description: String }

  let path: String
  let text: String
  let loader: Loader

  init(path: String) throws {
    self.path = path
    text = try Self.contents(path)
    loader = Loader(name: Self.name(path), text: text)
  }

  init(text: String, name: String) {
    path = name
    self.text = text
    loader = Loader(name: name, text: text)
  }

  /// A path without its folders.
  static func name(_ path: String) -> String { String(path.split(separator: "/").last ?? "") }

  private static func contents(_ path: String) throws -> String {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { throw Refused(description: "\(path): \(String(cString: strerror(errno)))") }
    defer { close(file) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = read(file, &chunk, chunk.count)
      guard count >= 0 else { throw Refused(description: "\(path): \(String(cString: strerror(errno)))") }
      if count == 0 { return String(decoding: bytes, as: UTF8.self) }
      bytes += chunk[..<count]
    }
  }

  // MARK: Loading

  /// More lines than these are not left out of a file.
  private static let most = 40

  /// Loads the file into the calling thread's namespace. What the machine's kernel or programs do not support is left
  /// out; the result is these lines, each with the reason.
  func load() throws -> [String] {
    guard loader.isNft else { return try tables.flatMap { try load($0.lines, from: $0.first) } }
    return try load(text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init), from: 1)
  }

  /// The parts of an input of `iptables-restore` for one table each, so that a refusal of one leaves the others as they are.
  private var tables: [(first: Int, lines: [String])] {
    var parts: [(first: Int, lines: [String])] = []
    for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
      if line.hasPrefix("*") { parts.append((number + 1, [])) }
      if !parts.isEmpty { parts[parts.count - 1].lines.append(String(line)) }
    }
    return parts
  }

  private func load(_ lines: [String], from first: Int) throws -> [String] {
    var lines = lines.map { RulesetLimits.raised($0, loader) }
    var left: [String] = []
    let folder = path.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(
      separator: "/")
    while true {
      let arguments =
        loader.isNft
        ? ["nft", "-I", folder.isEmpty ? "." : folder, "-f", "-"] : [loader.rawValue, "--noflush"]
      let result = try run(arguments, input: lines.joined(separator: "\n") + "\n")
      if result.status == 0 { return left }
      let reason = result.errors.split(separator: "\n").first.map(String.init) ?? "status \(result.status)"
      guard Self.isUnsupported(result.errors), left.count < Self.most,
        let number = Self.line(in: result.errors, loader), lines.indices.contains(number - 1),
        let removed = Self.remove(number - 1, from: &lines, loader)
      else {
        throw Refused(
          description: "\(Self.name(path)) from line \(first): \(loader.rawValue): \(result.errors)")
      }
      left.append("\(Self.name(path)): \(removed) (\(reason))")
    }
  }

  /// Whether an error is that of a kernel or a program without something, not that of a wrong file.
  private static func isUnsupported(_ errors: String) -> Bool {
    [
      "Could not process rule", "Operation not supported", "not supported", "No such file or directory",
      "RULE_APPEND failed", "RULE_INSERT failed", "RULE_REPLACE failed", "missing kernel module",
      "Couldn't load", "doesn't exist", "No chain/target/match by that name", "cgroupv2 path fails",
      "Could not resolve", "Interface does not exist", "unknown option", "User does not exist", "Host name",
    ].contains { errors.contains($0) }
  }

  /// The number of the line that a program complains about: `/dev/stdin:12:3-9: Error …`, `line 12 failed`,
  /// `Error occurred at line: 12`.
  private static func line(in errors: String, _ loader: Loader) -> Int? {
    let words = errors.split { ":- \n.".contains($0) }
    if loader.isNft { return words.lazy.compactMap { Int($0) }.first }
    return words.indices.dropLast().lazy.filter { words[$0] == "line" }.compactMap { Int(words[$0 + 1]) }
      .first
  }

  /// Removes a rule, or all lines of the block that a line opens; nil if the line is neither. The lines stay, empty.
  private static func remove(_ number: Int, from lines: inout [String], _ loader: Loader) -> String? {
    let line = lines[number]
    let text = String(line.drop { $0 == " " || $0 == "\t" })
    guard loader.isNft else {
      guard text.hasPrefix("-") else { return nil }
      lines[number] = ""
      return text
    }
    guard !text.isEmpty, !text.hasPrefix("table"), text != "}" else { return nil }
    var depth = 0
    for index in number..<lines.count {
      for character in lines[index] {
        if character == "{" { depth += 1 } else if character == "}" { depth -= 1 }
      }
      guard depth >= 0 else { return nil }
      lines[index] = ""
      if depth == 0 { return text }
    }
    return nil
  }
}
