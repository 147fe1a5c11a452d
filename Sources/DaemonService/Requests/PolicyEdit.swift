// SPDX-License-Identifier: GPL-3.0-or-later

package import Enforcement
internal import Glibc
internal import LinuxHost
internal import Netlink
internal import NetworkModel
internal import PolicyAnalysis
internal import PolicyDifference
package import PolicyFiles
package import PolicyLanguage
package import Reports

/// A copy of a policy file that a user edits, to be installed when it has proved itself.
package struct PolicyEdit {
  /// The policy file.
  package let original: String
  /// The copy, beside the file, so that its lists are found and it can replace the file.
  package let copy: String

  /// The file's content when the edit began.
  private let before: [UInt8]

  /// Makes the copy. A copy that an earlier edit left behind is used again, unless the file was changed since then.
  package init(of path: String) throws(Refusal) {
    original = FilePath.absolute(path)
    copy = "\(original).edit"
    before = try Self.content(original)
    if let age = Self.modified(copy) {
      guard let other = Self.modified(original), other <= age else {
        throw Refusal(
          "\(original) was changed after an earlier edit left \(copy) behind: move what you need from it, and delete it"
        )
      }
      return
    }
    do throws(SystemError) { try DurableFile.replace(copy, before) } catch { throw Refusal("\(error)") }
  }

  private static func content(_ path: String) throws(Refusal) -> [UInt8] {
    switch FileContent.read(path, limit: PolicyFile.policyLimit) {
    case .bytes(let bytes): return bytes
    case .unreadable(let reason): throw Refusal("\(path): \(reason)")
    }
  }

  /// When a file was changed last, in nanoseconds since 1970; nil if it does not exist.
  private static func modified(_ path: String) -> Int64? {
    var status = stat()
    guard lstat(path, &status) == 0 else { return nil }
    return Int64(status.st_mtim.tv_sec) * 1_000_000_000 + Int64(status.st_mtim.tv_nsec)
  }

  /// Whether the copy differs from the file.
  package var isChanged: Bool { (try? Self.content(copy)).map { $0 != before } ?? true }

  /// Who newly reaches what, if the policy of the copy replaces that of the file; if the file has no policy, nothing changes.
  package func difference(to new: Policy) throws(PolicyFileError) -> DifferenceReport {
    let old = try PolicyFile.load(original).decoded.policy ?? new
    return DifferenceReport(
      old: original, new: copy,
      difference: SiteDifference(
        from: CompiledSite(old, today: Today.date), to: CompiledSite(new, today: Today.date), only: nil))
  }

  /// Opens the copy in the user's editor, and waits for it: `$VISUAL`, else `$EDITOR`, else `editor` (the alternative of
  /// Debian), else `vi`.
  package func openEditor() throws(Refusal) {
    let named = (["VISUAL", "EDITOR"] as [String]).compactMap { name in
      getenv(name).map { String(cString: $0) }
    }.first { !$0.isEmpty }
    let command = named ?? (access("/usr/bin/editor", X_OK) == 0 ? "/usr/bin/editor" : "vi")
    let status: Int32
    do throws(SystemError) {
      // The variable may contain options, as in `code --wait`: the shell splits it, and the file is a parameter.
      status = try ForegroundProcess.run("/bin/sh", ["-c", "\(command) \"$1\"", "sh", copy])
    } catch {
      throw Refusal("\(error)")
    }
    if status != 0 {
      throw Refusal("the editor '\(command)' ended with status \(status): nothing was changed")
    }
  }

  /// Puts the copy in the place of the file, with the file's owner and mode. Refuses if the file was changed meanwhile.
  package func install() throws(Refusal) {
    guard try Self.content(original) == before else {
      throw Refusal(
        "\(original) was changed during the edit: your text is in force, and in \(copy); merge the two")
    }
    var status = stat()
    if stat(original, &status) == 0 {
      _ = chown(copy, status.st_uid, status.st_gid)
      _ = chmod(copy, status.st_mode & 0o7777)
    }
    guard rename(copy, original) == 0 else {
      throw Refusal("\(copy) could not replace \(original): \(String(cString: strerror(errno)))")
    }
  }

  /// Deletes the copy.
  package func discard() { unlink(copy) }

  /// Waits until the trial that was begun has ended. True if it was confirmed: the policy with this digest is in force.
  package static func waitForTrial(_ directory: StateDirectory, digest: String) -> Bool {
    while case .whole(let state) = directory.state() {
      guard state.pending == nil else {
        usleep(300_000)
        continue
      }
      guard let number = state.inForce else { return false }
      return directory.ruleset(number).value?.provenance.digest == digest
    }
    return false
  }
}
