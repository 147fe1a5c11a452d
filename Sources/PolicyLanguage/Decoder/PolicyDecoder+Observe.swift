// SPDX-License-Identifier: GPL-3.0-or-later

/// Reads the section `observe`.
extension PolicyDecoder {
  /// The machines on which nothing is dropped yet, by name. A warning is added for each line.
  mutating func decodeObserved(_ top: Fields) -> [ObservedMachine] {
    guard let node = top["observe"] else { return [] }
    var found: [String: ObservedMachine] = [:]
    for word in texts(node, "'observe'", of: "a machine or group") {
      guard let members = members(word, of: "observe") else { continue }
      for name in members where found[name] == nil {
        found[name] = ObservedMachine(name: name, location: location(word.mark))
      }
      log.warning(
        word.mark,
        members == [word.text]
          ? "'\(word.text)' is only observed: nothing is dropped or rejected there"
          : "the machines of '\(word.text)' are only observed: nothing is dropped or rejected there",
        help: "remove it from 'observe' as soon as wgfence log --summary shows nothing that must be allowed")
    }
    return found.values.sorted { $0.name < $1.name }
  }
}
