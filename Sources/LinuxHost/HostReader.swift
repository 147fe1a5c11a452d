// SPDX-License-Identifier: GPL-3.0-or-later

public import Netlink
public import NetworkModel

/// Reads what this host has and serves: its interfaces, its listening sockets and who holds them.
public enum HostReader {
  /// Reads the network namespace of the calling thread. Owners are looked for in the calling process' `/proc`, so those
  /// of other network namespaces are found as well. Without root, what cannot be learnt is in the notes.
  public static func snapshot() throws(HostReadError) -> HostSnapshot {
    let reading = try NamespaceReading.read()
    return reading.snapshot(try ProcessTable.owners(of: Set(reading.sockets.listeners.map { $0.inode })))
  }
}
