// SPDX-License-Identifier: GPL-3.0-or-later

/// The result of decoding a policy file.
public struct DecodedPolicy: Sendable {
  /// The policy; nil if there is an error. Expired grants are an exception: if they are the only errors, the
  /// policy can still be enforced (expired grants are not compiled), but it is not valid for a new `apply`.
  public let policy: Policy?
  /// All errors and warnings, sorted by location.
  public let diagnostics: [Diagnostic]

  /// Whether there is a policy and no error.
  public var isValid: Bool { policy != nil && diagnostics.allSatisfy { $0.severity != .error } }
}
