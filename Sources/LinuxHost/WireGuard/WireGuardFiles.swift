// SPDX-License-Identifier: GPL-3.0-or-later

internal import Netlink
public import NetworkModel

/// What WireGuard's configuration files say beside the peers' names (wg-quick(8), wg(8)): it is not known from the
/// interface itself. Private keys in the files are not stored.
public struct WireGuardFiles: Sendable, Hashable {
  /// Whether a file has a `ListenPort`, by its interface.
  public var listenPorts: [InterfaceName: Bool] = [:]
  /// The peers that have an `Endpoint` in a file.
  public var endpoints: Set<WireGuardKey> = []

  /// Reads the `*.conf` files of a directory, each named like its interface; empty if it does not exist or cannot be
  /// read.
  public static func read(directory: String = WireGuardNames.defaultDirectory) -> WireGuardFiles {
    var files = WireGuardFiles()
    for file in DirectoryListing.names(in: directory) where file.hasSuffix(".conf") {
      guard let text = try? ProcFile.text("\(directory)/\(file)") else { continue }
      files.read(text, of: InterfaceName(String(file.dropLast(".conf".count))))
    }
    return files
  }

  /// No files.
  public init() {}

  /// Reads one file.
  mutating func read(_ text: String, of interface: InterfaceName?) {
    var section = ""
    var hasPort = false
    var key: WireGuardKey?
    var hasEndpoint = false
    func end() -> WireGuardKey? { hasEndpoint ? key : nil }
    for line in text.split(separator: "\n") {
      let plain = line.prefix { $0 != "#" }.filter { !$0.isWhitespace }
      if plain.hasPrefix("[") {
        if let key = end() { endpoints.insert(key) }
        (section, key, hasEndpoint) = (plain.lowercased(), nil, false)
        continue
      }
      guard let equals = plain.firstIndex(of: "=") else { continue }
      let value = String(plain[plain.index(after: equals)...])
      switch (section, plain[..<equals].lowercased()) {
      case ("[interface]", "listenport"): hasPort = value != "0"
      case ("[peer]", "publickey"): key = WireGuardKey(base64: value)
      case ("[peer]", "endpoint"): hasEndpoint = true
      default: continue
      }
    }
    if let key = end() { endpoints.insert(key) }
    if let interface { listenPorts[interface] = hasPort }
  }
}
