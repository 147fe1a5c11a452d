// SPDX-License-Identifier: GPL-3.0-or-later

package import ImpactAnalysis
package import NetworkModel

/// The live connections that a change ends, as `plan` and `apply` report them.
package struct CutReport: Sendable {
  /// Nil where the connections could not be read.
  package let found: CutFlows?
  /// The time of the reading, in nanoseconds since 1970.
  let now: UInt64
  /// Live connections that nothing tracks yet, and that the apply makes known to connection tracking.
  let adopted: Int
  /// UDP servers whose sessions may go on, where nothing tracked connections until now.
  let untracked: [Listener]

  /// The most lines that the text has.
  static let mostLines = 20

  /// A report of what was found at a time.
  package init(found: CutFlows?, now: UInt64, adopted: Int = 0, untracked: [Listener] = []) {
    self.found = found
    self.now = now
    self.adopted = adopted
    self.untracked = untracked
  }

  // MARK: Text

  /// A section for people; empty where there is nothing to say.
  package var text: PrintableText {
    guard let found else { return "" }
    var text: PrintableText = ""
    if !found.cut.isEmpty {
      text += found.cut.count == 1 ? "This live connection will end:\n" : "These live connections will end:\n"
      text += table(found.cut)
      if found.cut.count > 1 { text += "  \(found.cut.count) in all\n" }
      if found.cut.contains(where: { $0.flow.start == nil }) {
        text += "  (ages: the kernel notes them with net.netfilter.nf_conntrack_timestamp=1)\n"
      }
    }
    if !found.undetermined.isEmpty {
      if !text.isEmpty { text += "\n" }
      text += "It is not known whether these live connections will end:\n" + table(found.undetermined)
      let reasons = Set(found.undetermined.compactMap(\.unknown)).sorted()
      for reason in reasons.prefix(3) { text += "  because \(reason)\n" }
    }
    if adopted > 0 {
      if !text.isEmpty { text += "\n" }
      text +=
        adopted == 1
        ? "1 live connection is not tracked yet: apply adopts it with its true direction.\n"
        : "\(adopted) live connections are not tracked yet: apply adopts them with their true direction.\n"
    }
    if !untracked.isEmpty {
      if !text.isEmpty { text += "\n" }
      text +=
        "Nothing tracked connections here until now. Sessions of these UDP servers go on if the server sends first, "
      text += "though no line grants them; a restart of the server ends them:\n"
      for listener in untracked.prefix(Self.mostLines) {
        text += "  \(listener.port)/udp \(listener.process?.name ?? "")\n"
      }
      if untracked.count > Self.mostLines { text += "  and \(untracked.count - Self.mostLines) more\n" }
    }
    return text
  }

  private func table(_ flows: [CutFlow]) -> PrintableText {
    var table = AlignedTable([.left("FROM"), .left("TO"), .left("SERVICE"), .right("AGE")])
    for cut in flows.prefix(Self.mostLines) {
      let original = cut.flow.original
      table.append([
        "\(cut.machine) \(Self.end(original.source, original.sourcePort))", original.destination.description,
        Self.service(cut), Self.age(cut.flow.age(at: now)),
      ])
    }
    let more = flows.count - Self.mostLines
    return table.text(indent: 2) + (more > 0 ? "  and \(more) more\n" : "")
  }

  private static func end(_ address: IPAddress, _ port: UInt16) -> String {
    if port == 0 { return address.description }
    return address.family == .ipv4 ? "\(address):\(port)" : "[\(address)]:\(port)"
  }

  private static func service(_ cut: CutFlow) -> String {
    let transport = cut.flow.transport
    guard transport.hasPorts else { return cut.service }
    let port = "\(cut.flow.original.destinationPort)/\(transport)"
    return cut.service == port ? port : "\(cut.service) \(port)"
  }

  /// An age in its largest unit.
  static func age(_ seconds: UInt64?) -> String {
    guard let seconds else { return "-" }
    let units: [(size: UInt64, name: String)] = [(86_400, "d"), (3_600, "h"), (60, "min")]
    let unit = units.first { seconds >= $0.size }
    return unit.map { "\(seconds / $0.size) \($0.name)" } ?? "\(seconds) s"
  }

  // MARK: JSON

  /// The members `cut`, `undetermined`, `adopted` and `untracked`; null where the connections could not be read.
  package func put(in object: inout JSONWriter.Object) {
    guard let found else {
      object.null("cut")
      object.null("undetermined")
      object.null("adopted")
      object.null("untracked")
      return
    }
    object.put("adopted", adopted)
    object.array("untracked") { array in
      for listener in untracked {
        array.object { object in
          object.put("protocol", listener.protocol.description)
          object.put("port", Int(listener.port))
          object.put("process", listener.process?.name)
        }
      }
    }
    put("cut", found.cut, in: &object)
    put("undetermined", found.undetermined, in: &object)
  }

  private func put(_ name: String, _ flows: [CutFlow], in object: inout JSONWriter.Object) {
    object.array(name) { array in
      for cut in flows {
        array.object { object in
          let flow = cut.flow
          let hasPorts = flow.transport.hasPorts
          object.put("machine", cut.machine)
          object.put("zone", cut.zone)
          object.put("direction", cut.direction.rawValue)
          object.put("source", flow.original.source.description)
          object.put("source_port", hasPorts ? Int(flow.original.sourcePort) : nil)
          object.put("destination", flow.original.destination.description)
          object.put("service", cut.service)
          object.put("port", hasPorts ? Int(flow.original.destinationPort) : nil)
          object.put("protocol", flow.transport.description)
          object.put("age", flow.age(at: now).map { Int($0) })
          object.put("allowed_by", cut.because)
          object.put("refused_by", cut.refusal)
          if let unknown = cut.unknown { object.put("reason", unknown) }
        }
      }
    }
  }
}
