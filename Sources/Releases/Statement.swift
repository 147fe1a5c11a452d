// SPDX-License-Identifier: GPL-3.0-or-later

/// What a release is: the text that its publishers sign, byte for byte.
///
///     wgfence release 1
///     fleet office-0123456789abcdef
///     epoch 1
///     serial 42
///     issued 2026-01-31T12:00:00Z
///     fresh-until 2026-05-01T12:00:00Z          or never
///     requires 0.1.0
///     policy SHA-256 LENGTH NAME
///     list SHA-256 LENGTH NAME                  one line for each list
///     commit 0123456789abcdef0123456789abcdef01234567     if the policy is in a git repository
///     tests 31
///     because the new file server
///     wave canary 0 web-1 web-2                 one line for each wave: its floor in minutes, and its members
///     wave rest 60 *
///     falls-back never                          or: 41 until 2026-02-01T12:00:00Z
///
/// Each line is required, in this order, except `list`, `commit`, `because` and `wave`.
public struct Statement: Sendable, Hashable {
  /// The fleet.
  public var fleet: FleetName
  /// The epoch of the trust file whose publish keys sign it. Serials begin again in each epoch.
  public var epoch: UInt64
  /// The number of the release in its epoch. A machine never goes back to a lower one.
  public var serial: UInt64
  /// When it was made.
  public var issued: UTCTime
  /// From then on a machine without a newer release reports that it is stale; nil: never.
  public var freshUntil: UTCTime?
  /// The oldest version of the program that may put it in force.
  public var requires: ProgramVersion
  /// The policy.
  public var policy: Content
  /// The files of its lists, in the order in which the bundle has them.
  public var lists: [Content]
  /// The commit of the policy in git, in hexadecimal digits; nil if it is in none.
  public var commit: String?
  /// The number of the policy's expectations, which all held when it was published.
  public var tests: UInt64
  /// Why it was published; nil if nobody said.
  public var because: String?
  /// Which machines may put it in force when; empty: all at once.
  public var waves: [Wave]
  /// What a machine may go back to by itself.
  public var fallBack: FallBack

  /// A file: its digest, its length in bytes, and its name in the policy's folder.
  public struct Content: Sendable, Hashable {
    /// The SHA-256 of the file.
    public let digest: ContentDigest
    /// Its length in bytes.
    public let length: Int
    /// Its name, a relative path in the policy's folder.
    public let name: String

    /// The content of a file.
    public init(_ bytes: [UInt8], name: String) {
      (digest, length, self.name) = (ContentDigest(of: bytes), bytes.count, name)
    }

    init(digest: ContentDigest, length: Int, name: String) {
      (self.digest, self.length, self.name) = (digest, length, name)
    }

    /// Whether bytes are this content.
    public func matches(_ bytes: [UInt8]) -> Bool {
      bytes.count == length && ContentDigest(of: bytes) == digest
    }

    /// Whether a name can be that of a file in a release: a relative path that stays in its folder, without characters that
    /// control a terminal.
    public static func isName(_ name: some StringProtocol) -> Bool {
      let parts = name.split(separator: "/", omittingEmptySubsequences: false)
      return name.utf8.count <= 1024 && parts.allSatisfy { !$0.isEmpty && $0 != "." && $0 != ".." }
        && ReleaseLines.unsafeColumn(String(name)) == nil
    }
  }

  /// Machines that may put a release in force only some time after it was issued.
  public struct Wave: Sendable, Hashable {
    /// Its name.
    public let name: String
    /// The floor: how long after `issued`, in minutes. 0: at once, even where the clock is slow.
    public let floor: UInt32
    /// Machines and groups of the policy; `*` for all that no wave before names.
    public let members: [String]

    /// A wave of these parts.
    public init(name: String, floor: UInt32, members: [String]) {
      (self.name, self.floor, self.members) = (name, floor, members)
    }

    /// Everyone else.
    public static let others = "*"
  }

  /// What a machine may go back to by itself.
  public enum FallBack: Sendable, Hashable {
    case never
    /// The release of this serial, if the machine held it before, until a time.
    case release(UInt64, until: UTCTime)
  }

  /// The highest epoch and serial.
  public static let mostSerial = UInt64(Int64.max)
  /// The longest statement, in bytes.
  public static let limit = 256 << 10
  /// The longest policy and the longest list, in bytes, and the most bytes of all lists together.
  public static let (policyLimit, listLimit) = (4 << 20, 64 << 20)
  static let (mostLists, mostWaves, mostMembers) = (1024, 64, 4096)
  private static let first = "wgfence release 1"

  /// A statement of these parts.
  public init(
    fleet: FleetName, epoch: UInt64, serial: UInt64, issued: UTCTime, freshUntil: UTCTime?,
    requires: ProgramVersion, policy: Content, lists: [Content], commit: String?, tests: UInt64,
    because: String?, waves: [Wave], fallBack: FallBack
  ) {
    self.fleet = fleet
    self.epoch = epoch
    self.serial = serial
    self.issued = issued
    self.freshUntil = freshUntil
    self.requires = requires
    self.policy = policy
    self.lists = lists
    self.commit = commit
    self.tests = tests
    self.because = because
    self.waves = waves
    self.fallBack = fallBack
  }

  // MARK: Text

  /// Parses a statement. A text that is parsed is written again as the same bytes.
  public init(_ bytes: [UInt8]) throws(ReleaseTextError) {
    var lines = try ReleaseLines(bytes, .statement, first: Self.first, limit: Self.limit)
    fleet = try lines.require("fleet").fleet()
    epoch = try lines.require("epoch").number(1...Self.mostSerial)
    serial = try lines.require("serial").number(1...Self.mostSerial)
    issued = try lines.require("issued").time()
    let fresh = try lines.require("fresh-until")
    freshUntil = fresh.text == "never" ? nil : try fresh.time()
    let version = try lines.require("requires")
    guard let requires = ProgramVersion(version.text) else {
      throw version.error("a version of three numbers is needed here: 1.2.3")
    }
    self.requires = requires
    policy = try Self.content(try lines.require("policy"), limit: Self.policyLimit)
    lists = try Self.contents(&lines)
    commit = try lines.take("commit").map { value throws(ReleaseTextError) in
      guard [40, 64].contains(value.text.utf8.count), value.text.utf8.allSatisfy(Self.isHexadecimal) else {
        throw value.error("a commit is needed here, as 40 or 64 hexadecimal digits")
      }
      return String(value.text)
    }
    tests = try lines.require("tests").number(0...Self.mostSerial)
    because = try lines.take("because").map { String($0.text) }
    waves = try Self.waves(&lines)
    let back = try lines.require("falls-back")
    fallBack = back.text == "never" ? .never : try Self.fallBack(back, before: serial)
    try lines.end()
  }

  static func isBefore(_ left: String, _ right: String) -> Bool {
    left.utf8.lexicographicallyPrecedes(right.utf8)
  }

  private static func isHexadecimal(_ digit: UInt8) -> Bool {
    (0x30...0x39).contains(digit) || (0x61...0x66).contains(digit)
  }

  private static func content(_ value: ReleaseLines.Value, limit: Int) throws(ReleaseTextError) -> Content {
    let words = try value.words(3)
    let (digest, length) = (try words[0].digest(), try words[1].number(0...limit))
    guard Content.isName(words[2].text) else {
      throw words[2].error("the name of a file in the policy's folder is needed here")
    }
    return Content(digest: digest, length: length, name: String(words[2].text))
  }

  private static func contents(_ lines: inout ReleaseLines) throws(ReleaseTextError) -> [Content] {
    var (lists, total): ([Content], Int) = ([], 0)
    for value in try lines.all("list", most: mostLists) {
      let list = try content(value, limit: listLimit)
      guard lists.last.map({ isBefore($0.name, list.name) }) ?? true else {
        throw value.error("lists are in the order of their names, and each is given once")
      }
      total += list.length
      guard total <= listLimit else {
        throw value.error("the lists together are larger than \(listLimit >> 20) MiB")
      }
      lists.append(list)
    }
    return lists
  }

  private static func waves(_ lines: inout ReleaseLines) throws(ReleaseTextError) -> [Wave] {
    var (waves, named): ([Wave], Set<String>) = ([], [])
    let values = try lines.all("wave", most: mostWaves)
    for (place, value) in values.enumerated() {
      let words = try value.words()
      guard words.count >= 3 else { throw value.error("a wave has a name, a floor in minutes, and members") }
      let wave = Wave(
        name: String(words[0].text), floor: try words[1].number(0...525_600),
        members: words.dropFirst(2).map { String($0.text) })
      guard waves.allSatisfy({ $0.name != wave.name }) else {
        throw words[0].error("two waves have the same name")
      }
      guard waves.last.map({ $0.floor <= wave.floor }) ?? true else {
        throw words[1].error("the floor is lower than that of the wave before")
      }
      for (member, word) in zip(wave.members, words.dropFirst(2)) {
        guard named.insert(member).inserted else { throw word.error("this member is named twice") }
        guard named.count <= mostMembers else {
          throw word.error("there are more than \(mostMembers) members")
        }
      }
      let isLast = place == values.count - 1
      guard isLast == (wave.members == [Wave.others]), isLast || !wave.members.contains(Wave.others) else {
        throw words[2].error("the last wave, and no other, has the member *, and no more")
      }
      waves.append(wave)
    }
    return waves
  }

  private static func fallBack(_ value: ReleaseLines.Value, before serial: UInt64) throws(ReleaseTextError)
    -> FallBack
  {
    let words = try value.words(3)
    guard words[1].text == "until" else { throw words[1].error("'until' is needed here") }
    let back: UInt64 = try words[0].number(1...mostSerial)
    guard back < serial else { throw words[0].error("the serial is not lower than that of this release") }
    return .release(back, until: try words[2].time())
  }

  /// The bytes that are signed.
  public var bytes: [UInt8] {
    var lines = [
      Self.first, "fleet \(fleet)", "epoch \(epoch)", "serial \(serial)", "issued \(issued)",
      "fresh-until \(freshUntil.map { "\($0)" } ?? "never")", "requires \(requires)",
    ]
    lines.append("policy \(policy.digest) \(policy.length) \(policy.name)")
    for list in lists { lines.append("list \(list.digest) \(list.length) \(list.name)") }
    if let commit { lines.append("commit \(commit)") }
    lines.append("tests \(tests)")
    if let because { lines.append("because \(because)") }
    for wave in waves {
      lines.append("wave \(wave.name) \(wave.floor) \(wave.members.joined(separator: " "))")
    }
    switch fallBack {
    case .never: lines.append("falls-back never")
    case .release(let serial, let until): lines.append("falls-back \(serial) until \(until)")
    }
    return Array(lines.map { "\($0)\n" }.joined().utf8)
  }

  // MARK: Waves

  /// The wave of a machine that is in some groups; nil if there are no waves.
  public func wave(of machine: String, in groups: Set<String>) -> Wave? {
    waves.first { $0.members.contains { $0 == machine || groups.contains($0) || $0 == Wave.others } }
  }

  /// The earliest time at which a machine may put it in force; nil: at once.
  public func floor(of machine: String, in groups: Set<String>) -> UTCTime? {
    wave(of: machine, in: groups).flatMap { $0.floor == 0 ? nil : issued.adding(Int64($0.floor) * 60) }
  }
}

extension ReleaseLines.Value {
  /// The name of a fleet.
  func fleet() throws(ReleaseTextError) -> FleetName {
    guard let name = FleetName(text) else {
      throw error("the name of a fleet is needed here: lower-case letters, digits and hyphens, 64 at most")
    }
    return name
  }
}

extension Statement {
  /// Whether a newer release was expected by now. This is a finding for people: it never changes rules.
  public func isStale(at now: UTCTime) -> Bool { freshUntil.map { $0 <= now } ?? false }
}
