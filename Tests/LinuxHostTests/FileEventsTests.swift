// SPDX-License-Identifier: GPL-3.0-or-later

import Glibc
import LinuxHost
import Testing

@Suite("Events of changed files")
struct FileEventsTests {
  /// A folder `site` with a file `policy`. A path to it, relative to the parent of the folder, is watched.
  final class Site {
    let root: String
    init() throws {
      var template = Array("/tmp/wgfence-XXXXXX".utf8CString)
      root = String(cString: try #require(mkdtemp(&template)))
      mkdir("\(root)/site", 0o700)
      write("site/policy", "one")
    }
    deinit {
      for name in ["site", "other", "away"] {
        for file in ["policy", "policy.new", "note"] { unlink("\(root)/\(name)/\(file)") }
        rmdir("\(root)/\(name)")
      }
      unlink("\(root)/current")
      rmdir(root)
    }
    func write(_ name: String, _ text: String) {
      let file = open("\(root)/\(name)", O_CREAT | O_TRUNC | O_WRONLY, 0o600)
      _ = Glibc.write(file, text, text.utf8.count)
      close(file)
    }
    func move(_ from: String, _ to: String) { rename("\(root)/\(from)", "\(root)/\(to)") }
  }

  enum News {
    case change
    case nothing
  }

  /// Compares the result. An event source cannot be copied, so `changed` is called outside of the macro.
  func expect(
    _ news: News, _ isChanged: Bool, _ what: String = "", at place: Testing.SourceLocation = #_sourceLocation
  ) {
    #expect(isChanged == (news == .change), "\(what)", sourceLocation: place)
  }

  static func events(_ site: Site, _ path: String) throws -> FileEvents {
    var events = try FileEvents()
    events.watch(["\(site.root)/\(path)"])
    return events
  }

  @Test("writing in place is reported when the file is closed, and not before")
  func inPlace() throws {
    let site = try Site()
    var events = try Self.events(site, "site/policy")
    let file = open("\(site.root)/site/policy", O_WRONLY)
    _ = Glibc.write(file, "x", 1)
    expect(.nothing, events.changed())
    close(file)
    expect(.change, events.changed())
    expect(.nothing, events.changed())
  }

  @Test("every replacement by rename is reported, and other files are not")
  func byRename() throws {
    let site = try Site()
    var events = try Self.events(site, "site/policy")
    for _ in 0..<3 {
      site.write("site/policy.new", "two")
      expect(.nothing, events.changed())
      site.move("site/policy.new", "site/policy")
      expect(.change, events.changed())
    }
    site.write("site/note", "x")
    expect(.nothing, events.changed())
  }

  @Test("the deletion of the file and its new creation are reported")
  func removed() throws {
    let site = try Site()
    var events = try Self.events(site, "site/policy")
    unlink("\(site.root)/site/policy")
    expect(.change, events.changed())
    site.write("site/policy", "two")
    expect(.change, events.changed())
  }

  @Test("a changed link anywhere in the path is reported", arguments: 0..<2)
  func links(_ depth: Int) throws {
    let site = try Site()
    mkdir("\(site.root)/other", 0o700)
    site.write("other/policy", "other")
    symlink(depth == 0 ? "site/policy" : "site", "\(site.root)/current")
    var events = try Self.events(site, depth == 0 ? "current" : "current/policy")
    site.write("site/policy", "two")
    expect(.change, events.changed(), "through the link")
    symlink(depth == 0 ? "other/policy" : "other", "\(site.root)/turned")
    site.move("turned", "current")
    expect(.change, events.changed(), "the link itself")
    site.write("site/policy", "three")
    expect(.nothing, events.changed(), "the previous target")
    site.write("other/policy", "four")
    expect(.change, events.changed(), "the new target")
  }

  @Test("a directory that is moved away and created again is watched again")
  func directory() throws {
    let site = try Site()
    var events = try Self.events(site, "site/policy")
    site.move("site", "away")
    expect(.change, events.changed())
    mkdir("\(site.root)/site", 0o700)
    expect(.change, events.changed())
    site.write("site/policy", "two")
    expect(.change, events.changed())
    site.write("away/policy", "three")
    expect(.nothing, events.changed())
  }
}
