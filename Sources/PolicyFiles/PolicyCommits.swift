// SPDX-License-Identifier: GPL-3.0-or-later

internal import Glibc
internal import PolicyLanguage

/// The commits that have the versions of a policy file.
package enum PolicyCommits {
  /// The most commits that are looked at.
  private static let most = 50

  /// For each digest (`PolicyFile.digest`) the newest commit, of those that changed the policy or its lists, whose version
  /// has it, as 12 hexadecimal digits. Empty if the file is in no git repository of this user, or git is not installed.
  package static func commits(of path: String, with digests: Set<String>) -> [String: String] {
    wholeCommits(of: path, with: digests).mapValues { String($0.prefix(12)) }
  }

  /// The same, with all digits of each commit.
  package static func wholeCommits(of path: String, with digests: Set<String>) -> [String: String] {
    guard let place = realpath(path, nil) else { return [:] }
    defer { free(place) }
    let whole = String(cString: place)
    guard let slash = whole.lastIndex(of: "/") else { return [:] }
    let (folder, name) = (String(whole[..<slash]), String(whole[whole.index(after: slash)...]))
    guard case .found(let repository) = GitRepository.around(folder.isEmpty ? "/" : folder) else {
      return [:]
    }
    let lists = (try? PolicyFile.load(whole))?.lists.map(\.name).filter { !$0.hasPrefix("/") } ?? []
    let listing = repository.git(
      ["rev-list", "--max-count=\(most)", "HEAD", "--"] + ([name] + lists).map { "./\($0)" }, in: folder,
      limit: 64 * most)
    guard case .bytes(let bytes) = listing else { return [:] }
    var (found, missing) = ([String: String](), digests)
    for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") where !missing.isEmpty {
      let blob = GitBlob(revision: String(line), path: "./\(name)", in: folder)
      let file = try? PolicyFile.decode(path, blob.read(limit: PolicyFile.policyLimit)) { list in
        list.hasPrefix("/")
          ? FileContent.read(list, limit: PolicyFile.listLimit) : blob.read(list, limit: PolicyFile.listLimit)
      }
      if let digest = file?.digest, missing.remove(digest) != nil { found[digest] = String(line) }
    }
    return found
  }
}
