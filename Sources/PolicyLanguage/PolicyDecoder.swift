// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel

/// Reads a policy file: from its bytes to a `Policy`, or to everything that is wrong with it.
///
/// The work is in the extensions, one a section of the file. Names are gathered first, so that sections may stand in any
/// order; what is wrong in one place is reported there and does not cause further reports elsewhere.
public struct PolicyDecoder {
  /// Decodes the bytes of a policy file. Pure: the day comes as `today`, and the files of lists come through `readList`,
  /// which is given a path as the policy writes it, relative to the policy's folder.
  public static func decode(
    bytes: [UInt8], path: String, today: CalendarDate, readList: (String) -> ListFile
  ) -> DecodedPolicy {
    // A byte order mark is no part of the text.
    let clean = bytes.starts(with: [0xef, 0xbb, 0xbf]) ? Array(bytes.dropFirst(3)) : bytes
    var decoder = PolicyDecoder(source: SourceText(path: path, bytes: clean), today: today)
    let policy = decoder.policy(readList)
    return DecodedPolicy(policy: policy, diagnostics: decoder.log.diagnostics())
  }

  let source: SourceText
  let today: CalendarDate
  var log: DiagnosticLog

  // What the sections before have told. Indices run into the arrays beside them.
  var names = NameTable()
  var tunnels: [Tunnel] = []
  var tunnelIndex: [String: Int] = [:]
  var machines: [Machine] = []
  var machineIndex: [String: Int] = [:]
  /// For each machine the tunnels in which it has an address, as sorted indices.
  var machineTunnels: [[Int]] = []
  /// Machines and tunnels with errors of their own: what depends on them is not judged.
  var broken: Set<String> = []
  var groups: [String: Group] = [:]
  var serviceDefinitions: [String: YamlEntry] = [:]
  /// Services as resolved: the defined ones, and those that a line or a definition names; nil for broken ones.
  var services: [String: Service?] = [:]
  var servicesInProgress: [String] = []
  /// The services that lines name, for `all`.
  var lineServices: [String: Service] = [:]
  var usedServices: Set<String> = []
  /// Machines, groups and lists that some line names, directly or through a group or tunnel.
  var used: Set<String> = []
  var lists: [String: PrefixList] = [:]
  /// How many addresses the lists have that some `from` names.
  var listCounts: [String: AddressCount] = [:]
  var words: [String: Word] = [:]
  var checkedPairs: Set<WordPair> = []
  /// Where source addresses belong on the machines that prefixes were looked up for, by their place.
  var homesOfMachines: [Int: AddressHomes] = [:]
  /// Where the lines of `allow`, `failsafe` and `tests` stand, by section.
  var lineMarks: [String: [Mark]] = [:]

  private init(source: SourceText, today: CalendarDate) {
    self.source = source
    self.today = today
    log = DiagnosticLog(policy: source)
  }

  private mutating func policy(_ readList: (String) -> ListFile) -> Policy? {
    guard let root = YamlReader.read(source, log: &log),
      let top = fields(root, "a policy", of: .policy)
    else { return nil }
    guard checkVersion(top) else { return nil }

    let sections = gatherNames(top)
    decodeTunnels(sections.tunnels)
    decodeMachines(sections.machines)
    finishTunnels(sections.tunnels)
    checkMachines(sections.machines)
    takeSubnetsOutOfZones()
    decodeGroups(sections.groups)
    decodeServices(section(top, "services"))
    decodeLists(sections.lists, readList)

    let block = decodeBlock(top["block"])
    let grants = decodeGrants(top, "allow")
    let encryptions = decodeEncryptions(top)
    let failsafe = decodeGrants(top, "failsafe")
    let tests = decodeTests(top)

    guard log.errorCount == 0 else { return nil }
    let policy = Policy(
      path: source.path, tunnels: tunnels.sorted { $0.name < $1.name },
      machines: machines.sorted { $0.name < $1.name },
      groups: groups.values.sorted { $0.name < $1.name },
      services: services.values.compactMap { $0 }.sorted { $0.name < $1.name },
      lists: lists.values.sorted { $0.name < $1.name }, block: block, grants: grants,
      encryptions: encryptions,
      failsafe: failsafe, tests: tests)
    warn(about: policy)
    return policy
  }

  private mutating func checkVersion(_ top: Fields) -> Bool {
    guard let node = top["version"] else {
      log.error(top.mark.with(length: 1), "the policy has no 'version'", help: "begin it with 'version: 1'")
      return true
    }
    guard case .text("1") = node.content else {
      if case .refused = node.content { return true }
      log.error(
        node.mark, "'version' is 1, not \(node.kind)", help: "this program reads version 1 of the language")
      // A text in another language would only give errors that mislead.
      return false
    }
    return true
  }

  /// A mark as a location in the policy.
  func location(_ mark: Mark) -> SourceLocation {
    SourceLocation(file: source.path, line: Int(mark.line), column: Int(mark.column))
  }

  /// `did you mean 'X'?` for the nearest of these names, if one is near.
  func suggestion(for word: String, among candidates: some Sequence<String>) -> String? {
    // Beyond the limit nobody sees it.
    log.isFull ? nil : NearestName.nearest(to: word, among: candidates).map { "did you mean '\($0)'?" }
  }
}
