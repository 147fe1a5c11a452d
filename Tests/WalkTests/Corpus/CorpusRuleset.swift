// SPDX-License-Identifier: GPL-3.0-or-later

import Enforcement
import Glibc
import Netlink
import NetworkModel
import PacketWalk
import Ruleset
import TestSupport

/// A ruleset in a file, or in the files of a folder, and the packets that are sent through it.
struct CorpusRuleset: Sendable {
  let path: String
  let files: [RulesetFile]

  var name: String { RulesetFile.name(path) }

  /// The rulesets of a path: of a file that one, of a folder each of its files, and each of its folders as one ruleset whose
  /// files are loaded in the order of their names. Names that begin with a point or end in `.md` are passed over.
  static func all(at path: String) throws -> [CorpusRuleset] {
    guard let names = names(in: path) else {
      return [CorpusRuleset(path: path, files: [try RulesetFile(path: path)])]
    }
    return try names.map { name in
      let own = "\(path)/\(name)"
      let files = try (Self.names(in: own)?.map { "\(own)/\($0)" } ?? [own]).map { try RulesetFile(path: $0) }
      return CorpusRuleset(path: own, files: files)
    }
  }

  /// The sorted names in a folder; nil if it is none.
  private static func names(in path: String) -> [String]? {
    guard let folder = opendir(path) else { return nil }
    defer { closedir(folder) }
    var names: [String] = []
    while let entry = readdir(folder) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if !name.hasPrefix("."), !name.hasSuffix(".md") { names.append(name) }
    }
    return names.sorted()
  }

  /// Why no packets are sent through a ruleset.
  enum Skip: Error, Hashable, CustomStringConvertible {
    case refused(String)

    var description: String {
      switch self {
      case .refused(let text): "it cannot be loaded: \(text)"
      }
    }
  }

  /// Builds the test network, loads the files, reads the tables back, and sends the first packets of connections, each from a
  /// seed, and the packets that follow them.
  func run(_ conversations: [UInt64], packets: Int, stopAt most: Int = 3) throws -> WalkRound.Result {
    let plan = MentionedNetwork(RulesetMentions(files))
    return try inNetworkNamespace {
      let world = try World(plan.network)
      var result = WalkRound.Result()
      for file in files {
        do { result.leftOut += try file.load() } catch let refused as RulesetFile.Refused {
          throw Skip.refused(refused.description)
        }
      }
      try result.add(
        WalkRound.send(conversations, packets: packets, plan.traffic, world, stopAt: most))
      return result
    }
  }
}
