// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel

/// Reads a policy file: the bytes give a `Policy`, or all errors in it.
///
/// The extensions do the work, one for each section of the file. Names are collected first, so sections can
/// be in any order. An error is reported at its place and does not cause further reports elsewhere.
public struct PolicyDecoder {
  /// Decodes the bytes of a policy file. A pure function: `today` is the current day, and `readList` reads
  /// list files. Its argument is a path as written in the policy, relative to the policy's folder.
  public static func decode(
    bytes: [UInt8], path: String, today: CalendarDate, readList: (String) -> ListFile
  ) -> DecodedPolicy {
    // A byte order mark is not part of the text.
    let clean = bytes.starts(with: [0xef, 0xbb, 0xbf]) ? Array(bytes.dropFirst(3)) : bytes
    var decoder = PolicyDecoder(source: SourceText(path: path, bytes: clean), today: today)
    let policy = decoder.policy(readList)
    return DecodedPolicy(policy: policy, diagnostics: decoder.log.diagnostics())
  }

  let source: SourceText
  let today: CalendarDate
  var log: DiagnosticLog

  // The results of the sections that have been read. Indices refer to the arrays above them.
  var names = NameTable()
  var tunnels: [Tunnel] = []
  var tunnelIndex: [String: Int] = [:]
  var machines: [Machine] = []
  var machineIndex: [String: Int] = [:]
  /// For each machine the tunnels in which it has an address, as sorted indices.
  var machineTunnels: [[Int]] = []
  /// Machines and tunnels with errors of their own: lines that depend on them are not checked.
  var broken: Set<String> = []
  var groups: [String: Group] = [:]
  var serviceDefinitions: [String: YamlEntry] = [:]
  /// Services as resolved: the defined ones, and those that a line or a definition names; nil for invalid
  /// ones.
  var services: [String: Service?] = [:]
  var servicesInProgress: [String] = []
  /// The services that lines name, for `all`.
  var lineServices: [String: Service] = [:]
  var usedServices: Set<String> = []
  /// Machines, groups and lists that some line names, directly or through a group or tunnel.
  var used: Set<String> = []
  var lists: [String: PrefixList] = [:]
  /// The number of addresses in the lists that some `from` names.
  var listCounts: [String: AddressCount] = [:]
  var words: [String: Word] = [:]
  var checkedPairs: Set<WordPair> = []
  /// The homes of addresses on machines for which prefixes have been looked up, by index.
  var homesOfMachines: [Int: AddressHomes] = [:]
  /// Whether the policy has `confine`, and its entries.
  var confinesSomething = false
  var confinements: [Confinement] = []
  /// The marks of the lines of `allow`, `failsafe` and `tests`, by section.
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
    machines = machines.withLiveNetworks([:], tunnels: tunnels)
    decodeGroups(sections.groups)
    decodeServices(section(top, "services"))
    decodeLists(sections.lists, readList)

    confinesSomething = top["confine"] != nil
    confinements = decodeConfinements(top)
    let block = decodeBlock(top["block"])
    let grants = decodeGrants(top, "allow")
    let encryptions = decodeEncryptions(top)
    let translations = decodeTranslations(top)
    let refused = decodeRefused(top)
    let failsafe = decodeGrants(top, "failsafe")
    let tests = decodeTests(top)
    let observed = decodeObserved(top)

    guard log.errorCount == 0 else { return nil }
    let policy = Policy(
      path: source.path, tunnels: tunnels.sorted { $0.name < $1.name },
      machines: machines.sorted { $0.name < $1.name },
      groups: groups.values.sorted { $0.name < $1.name },
      services: services.values.compactMap { $0 }.sorted { $0.name < $1.name },
      lists: lists.values.sorted { $0.name < $1.name }, block: block, grants: grants,
      encryptions: encryptions, translations: translations,
      failsafe: failsafe, tests: tests, observed: observed,
      confinements: confinements, refused: refused)
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
        node.mark, "'version' must be 1, not \(node.kind)",
        help: "this program reads version 1 of the language")
      // A text in another version would only give misleading errors.
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
    // Beyond the limit, the diagnostic is not shown.
    log.isFull ? nil : NearestName.nearest(to: word, among: candidates).map { "did you mean '\($0)'?" }
  }
}
