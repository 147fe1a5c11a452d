// SPDX-License-Identifier: GPL-3.0-or-later

import PolicyLanguage
import TestSupport
import Testing

@Suite("The policies that come with the program")
struct ExamplePolicyTests {
  @Test("are valid and have no warnings", arguments: ShippedPolicies.names)
  func isValid(name: String) throws {
    let bytes = try #require(contents("\(repository)/policies/\(name).yaml"))
    let decoded = PolicyDecoder.decode(
      bytes: bytes, path: "policies/\(name).yaml", today: today, readList: list(in: "\(repository)/policies"))
    #expect(decoded.diagnostics.isEmpty, "\(DiagnosticText().render(decoded.diagnostics))")
    #expect(decoded.policy != nil)
    #expect(decoded.isValid)
  }
}
