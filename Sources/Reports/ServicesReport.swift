// SPDX-License-Identifier: GPL-3.0-or-later

package import NetworkModel
package import PolicyLanguage

/// The report of `wgfence services`: services with their ports, and where each is defined.
package struct ServicesReport {
  private let entries: [ServiceDirectory.Entry]
  private let policy: String?

  /// A report of services. `policy` is the path of the policy that was read, nil if none was.
  package init(_ entries: [ServiceDirectory.Entry], policy: String?) {
    self.entries = entries
    self.policy = policy
  }

  /// The report for people.
  package var text: PrintableText {
    var table = AlignedTable([.left("service"), .left("ports"), .left("defined in")])
    for entry in entries {
      table.append([
        entry.service.name, entry.service.ports.map(Self.text).joined(separator: ", "),
        Self.text(entry.origin, policy),
      ])
    }
    return table.text()
  }

  private static func text(_ port: ServicePort) -> String {
    guard case .echoRequest = port else { return port.description }
    return "ICMP and ICMPv6 echo requests"
  }

  private static func text(_ origin: ServiceDirectory.Origin, _ policy: String?) -> String {
    switch origin {
    case .catalogue: "the catalogue"
    case .policy: policy ?? "the policy"
    case .redefined: "\(policy ?? "the policy"), unlike the catalogue"
    }
  }

  /// The report for programs.
  package var json: String {
    JSONWriter.object { object in
      object.put("schema", "wgfence/services/1")
      object.put("policy", policy)
      object.array("services") { array in
        for entry in entries {
          array.object { object in
            object.put("name", entry.service.name)
            object.array("ports") { ports in
              for port in entry.service.ports { ports.put(port.description) }
            }
            object.put("origin", entry.origin.rawValue)
          }
        }
      }
    }
  }
}
