// SPDX-License-Identifier: GPL-3.0-or-later

import CSys
import Glibc
import TestSupport
import Testing

@Suite("Calls of bpf(2)")
struct BPFCallTests {
  /// Since Linux 6.6 a query writes a revision at byte 56, also for a caller who says that it has 32 bytes.
  @Test(
    "the kernel writes nothing behind the attributes",
    arguments: [
      CSYS_BPF_TCX_INGRESS, CSYS_BPF_TCX_EGRESS, CSYS_BPF_NETKIT_PRIMARY, CSYS_BPF_NETKIT_PEER,
      CSYS_BPF_SK_LOOKUP,
    ])
  func staysInside(_ kind: Int) throws {
    try inNetworkNamespace {
      var query = csys_bpf_query()
      query.target = if_nametoindex("lo")
      query.kind = UInt32(kind)
      let size = MemoryLayout<csys_bpf_query>.size
      var space = [UInt8](repeating: 0xaa, count: 512)
      withUnsafeBytes(of: query) { bytes in space.replaceSubrange(0..<size, with: bytes) }
      let result = space.withUnsafeMutableBytes {
        csys_bpf(Int32(CSYS_BPF_PROG_QUERY), $0.baseAddress, UInt32(size))
      }
      let problem = errno
      // Root may ask for the kinds that this kernel has.
      if geteuid() == 0, kind == CSYS_BPF_TCX_INGRESS { #expect(result == 0 || problem == EINVAL) }
      #expect(space[size...].allSatisfy { $0 == 0xaa })
    }
  }

  @Test("attributes that are too long are refused")
  func refuses() {
    var space = [UInt8](repeating: 0, count: 4096)
    let result = space.withUnsafeMutableBytes { csys_bpf(Int32(CSYS_BPF_PROG_QUERY), $0.baseAddress, 4096) }
    #expect(result == -1)
    #expect(errno == E2BIG)
  }
}
