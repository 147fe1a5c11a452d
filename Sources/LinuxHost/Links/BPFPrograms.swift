// SPDX-License-Identifier: GPL-3.0-or-later

internal import CSys
internal import Glibc
internal import Netlink

/// Queries of bpf(2) for attached programs. Kernels answer `EINVAL` to a type or command that they do not
/// know.
enum BPFPrograms {
  private static let attempt = "querying BPF programs"

  /// The number of programs of an attach type (`BPF_TCX_INGRESS`, …) that are attached to an interface, given
  /// by its index, or with `BPF_SK_LOOKUP` to a network namespace, given by an open file. Source:
  /// `BPF_PROG_QUERY`.
  static func count(attachedTo target: UInt32, kind: UInt32) throws(SystemError) -> Int {
    var query = csys_bpf_query()
    query.target = target
    query.kind = kind
    _ = try call(CSYS_BPF_PROG_QUERY, &query)
    return Int(query.count)
  }

  /// A program that netfilter calls.
  struct NetfilterProgram {
    /// `NFPROTO_…`
    let family: UInt32
    /// `NF_INET_…`
    let hook: UInt32
    let priority: Int32
    /// The id of the BPF program.
    let program: UInt32
  }

  /// A limit for the number of links, in case a kernel repeats itself.
  private static let mostLinks = 1_000_000

  /// Passes each program that netfilter calls in any network namespace to `each`. Source:
  /// `BPF_LINK_GET_NEXT_ID`, `BPF_LINK_TYPE_NETFILTER`, Linux 6.4 and later.
  static func netfilter(_ each: (NetfilterProgram) -> Void) throws(SystemError) {
    var last: UInt32 = 0
    for _ in 0..<mostLinks {
      var step = csys_bpf_identifier()
      step.number = last
      do throws(SystemError) {
        _ = try call(CSYS_BPF_LINK_GET_NEXT_ID, &step)
      } catch {
        if error.code == ENOENT { return }
        throw error
      }
      last = step.next
      guard let link = try link(number: last) else { continue }
      guard link.type == UInt32(CSYS_BPF_LINK_TYPE_NETFILTER) else { continue }
      each(
        NetfilterProgram(
          family: link.family, hook: link.hook, priority: link.priority, program: link.program))
    }
    throw SystemError(attempt, code: E2BIG)
  }

  /// Reads a link; nil if it was removed in the meantime.
  private static func link(number: UInt32) throws(SystemError) -> csys_bpf_link? {
    var identifier = csys_bpf_identifier()
    identifier.number = number
    let file: Int32
    do throws(SystemError) {
      file = try call(CSYS_BPF_LINK_GET_FD_BY_ID, &identifier)
    } catch {
      if error.code == ENOENT { return nil }
      throw error
    }
    defer { close(file) }
    var link = csys_bpf_link()
    try withUnsafeMutableBytes(of: &link) { (space) throws(SystemError) in
      var question = csys_bpf_information()
      question.descriptor = UInt32(bitPattern: file)
      question.length = UInt32(space.count)
      question.address = UInt64(UInt(bitPattern: space.baseAddress))
      _ = try call(CSYS_BPF_OBJ_GET_INFO_BY_FD, &question)
    }
    return link
  }

  /// Calls bpf(2) with the part of `union bpf_attr` that the command uses.
  private static func call(
    _ command: some BinaryInteger, _ attributes: inout some BitwiseCopyable
  ) throws(SystemError) -> Int32 {
    let result = withUnsafeMutableBytes(of: &attributes) {
      csys_bpf(Int32(command), $0.baseAddress, UInt32($0.count))
    }
    return try SystemError.check(Int32(truncatingIfNeeded: result), attempt)
  }
}
