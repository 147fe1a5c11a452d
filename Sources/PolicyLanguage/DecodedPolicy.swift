// SPDX-License-Identifier: GPL-3.0-or-later

/// What came of reading a policy file.
public struct DecodedPolicy: Sendable {
  /// The policy. Nil where there is an error, save for grants whose time is over: with those alone it is still the policy
  /// to enforce (they are no longer compiled), though not one to apply anew.
  public let policy: Policy?
  /// Everything there is to say, sorted by location.
  public let diagnostics: [Diagnostic]

  /// Whether there is no error at all.
  public var isValid: Bool { policy != nil && diagnostics.allSatisfy { $0.severity != .error } }
}
