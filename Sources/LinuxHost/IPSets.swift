// SPDX-License-Identifier: GPL-3.0-or-later

internal import CSys
internal import Netlink
internal import NetworkModel
internal import PacketWalk

/// The sets of ipset in this thread's network namespace, asked from the kernel: it decides whether an element is in a set, so no
/// element is read. Source: `linux/netfilter/ipset/ip_set.h`, `net/netfilter/ipset/ip_set_core.c`.
///
/// It is a class because it has a socket and caches the answers. A question is not repeated: create a new value if the sets may have
/// changed.
final class IPSets {
  private var netlink: NetlinkDump
  private var kinds: [UInt16: IPSetKind?] = [:]
  private var members: [String: [IPSetKind]?] = [:]
  private var answers: [Element: Bool?] = [:]

  /// An element of a set, as the attributes of a request.
  private struct Element: Hashable {
    let set: String
    let attributes: [UInt8]
  }

  init() throws(HostReadError) { netlink = try NetlinkDump(family: Int(CSYS_NETLINK_NETFILTER)) }

  /// Whether a packet is in a set; nil if that is not known.
  func contains(_ question: IPSetQuestion) -> Bool? {
    guard let kind = kind(of: question.set) else { return nil }
    guard kind.isList else { return contains(question, in: kind) }
    guard let members = members(of: kind) else { return nil }
    var isUnknown = false
    for member in members {
      switch contains(question, in: member) {
      case true: return true
      case nil: isUnknown = true
      case false: break
      }
    }
    return isUnknown ? nil : false
  }

  private func contains(_ question: IPSetQuestion, in kind: IPSetKind) -> Bool? {
    switch kind.element(of: question) {
    case .none: return false
    case .unknown: return nil
    case .attributes(let attributes):
      let element = Element(set: kind.name, attributes: attributes)
      if let known = answers[element] { return known }
      let answer = ask(element, kind.family)
      answers[element] = .some(answer)
      return answer
    }
  }

  /// Asks the kernel for one element (`IPSET_CMD_TEST`). It refuses with an error if the element is not in the set
  /// (`IPSET_ERR_EXIST`), or cannot be (those of the type: for example an address outside a range).
  private func ask(_ element: Element, _ family: UInt8) -> Bool? {
    let body =
      Self.name(element.set)
      + AttributeReader.encode(
        Int(CSYS_IPSET_ATTR_DATA) | Int(CSYS_NLA_F_NESTED), element.attributes)
    do throws(HostReadError) {
      let _: [Bool] = try get("looking up an element of the set \(element.set)", CSYS_IPSET_CMD_TEST, body) {
        _ in nil
      }
      return true
    } catch {
      guard case .refused(_, let errno, _) = error else { return nil }
      return errno == CSYS_IPSET_ERR_EXIST || errno >= CSYS_IPSET_ERR_TYPE_SPECIFIC ? false : nil
    }
  }

  /// The set with a number (`IPSET_CMD_GET_BYINDEX`, since Linux 4.20; then `IPSET_CMD_HEADER`).
  private func kind(of index: UInt16) -> IPSetKind? {
    if let known = kinds[index] { return known }
    let number = AttributeReader.encode(
      Int(CSYS_IPSET_ATTR_INDEX) | Int(CSYS_NLA_F_NET_BYTEORDER), [UInt8(index >> 8), UInt8(index & 0xff)])
    let names = try? get("looking up set \(index)", CSYS_IPSET_CMD_GET_BYINDEX, number) { payload in
      AttributeReader(payload).first { $0.type == Int(CSYS_IPSET_ATTR_SETNAME) }?.value.text
    }
    let kind = names?.first.flatMap { kind(named: $0) }
    kinds[index] = .some(kind)
    return kind
  }

  private func kind(named name: String) -> IPSetKind? {
    let found = try? get("reading the set \(name)", CSYS_IPSET_CMD_HEADER, Self.name(name)) { payload in
      IPSetKind(header: payload)
    }
    return found?.first
  }

  /// The sets that a list of sets has (`IPSET_CMD_LIST`); nil if they cannot be read. A list has no lists.
  private func members(of list: IPSetKind) -> [IPSetKind]? {
    if let known = members[list.name] { return known }
    let names = try? netlink.dump(
      "reading the set \(list.name)", type: Self.type(CSYS_IPSET_CMD_LIST),
      body: Self.body(Self.name(list.name))
    ) { (_, payload) throws(HostReadError) in IPSetKind.members(payload.dropFirst(Self.headerSize)) }
    var found: [IPSetKind]? = names == nil ? nil : []
    for name in (names ?? []).joined() {
      guard let kind = kind(named: name), !kind.isList else {
        found = nil
        break
      }
      found?.append(kind)
    }
    members[list.name] = .some(found)
    return found
  }

  /// The size of `struct nfgenmsg` in bytes.
  private static let headerSize = 4

  private static func type(_ command: Int32) -> Int { Int(CSYS_NFNL_SUBSYS_IPSET) << 8 | Int(command) }

  private static func name(_ name: String) -> [UInt8] {
    AttributeReader.encode(Int(CSYS_IPSET_ATTR_SETNAME), Array(name.utf8) + [0])
  }

  private static func body(_ attributes: [UInt8]) -> [UInt8] {
    [0, 0, 0, 0] + AttributeReader.encode(Int(CSYS_IPSET_ATTR_PROTOCOL), [UInt8(CSYS_IPSET_PROTOCOL)])
      + attributes
  }

  private func get<T>(
    _ what: String, _ command: Int32, _ attributes: [UInt8], each: (ArraySlice<UInt8>) -> T?
  ) throws(HostReadError) -> [T] {
    try netlink.get(what, type: Self.type(command), body: Self.body(attributes)) {
      (_, payload) throws(HostReadError) in each(payload.dropFirst(Self.headerSize))
    }
  }
}
