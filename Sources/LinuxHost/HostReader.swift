// SPDX-License-Identifier: GPL-3.0-or-later

public import Netlink
public import NetworkModel

/// Reads this host's interfaces, its listening sockets and the processes that own them.
public enum HostReader {
  /// Reads the network namespace of the calling thread. Owners are searched in the caller's `/proc`, so
  /// owners in other network namespaces are found too. What cannot be read without root is in the notes.
  public static func snapshot() throws(HostReadError) -> HostSnapshot {
    let reading = try NamespaceReading.read(.listening)
    return reading.snapshot(try ProcessTable.owners(of: Set(reading.sockets.listeners.map { $0.inode })))
  }
}
