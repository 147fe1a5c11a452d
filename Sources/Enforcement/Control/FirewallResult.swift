// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel

/// The result of a request that was carried out.
public struct FirewallResult: Sendable, Hashable {
  /// What was done, as text for people; empty if the verb writes it itself.
  public var text: PrintableText
  /// Warnings for the user, one line each.
  public var warnings: [PrintableText]
  /// Operations that were sent to the kernel to make it equal to a ruleset, or to open or close something.
  public var operations: Int
  /// The kernel's generation afterwards; nil if it was not read.
  public var generation: UInt32?
  /// Why it is not stored, so that it may not survive a restart; nil if it is stored.
  public var notPersisted: NotPersisted?

  /// What is in force, but not stored.
  public struct NotPersisted: Sendable, Hashable {
    /// The system's reason.
    public let reason: String
    /// What a restart does, and what to do about it, in sentences.
    public let consequence: PrintableText

    /// A failure of these parts.
    public init(reason: String, consequence: PrintableText) {
      self.reason = reason
      self.consequence = consequence
    }
  }

  /// A result of these parts.
  public init(
    text: PrintableText, warnings: [PrintableText] = [], operations: Int = 0, generation: UInt32? = nil,
    notPersisted: NotPersisted? = nil
  ) {
    self.text = text
    self.warnings = warnings
    self.operations = operations
    self.generation = generation
    self.notPersisted = notPersisted
  }

  /// The exit status of a verb that ends with it.
  public var exitStatus: UInt8 { notPersisted == nil ? 0 : 1 }

  // MARK: The payload

  /// Reads a payload.
  public init(payload: [UInt8]) throws(ControlFormatError) {
    var fields = try ControlFields(payload)
    text = PrintableText(lines: fields.take("text") ?? "")
    warnings = PrintableText(lines: fields.take("warnings") ?? "").lines.map { "\($0)" }
    guard let operations: Int = try fields.number("operations"), operations >= 0 else {
      throw ControlFormatError("'operations' is missing or negative")
    }
    self.operations = operations
    generation = try fields.number("generation")
    notPersisted = try fields.take("unstored").map { reason throws(ControlFormatError) in
      NotPersisted(reason: reason, consequence: PrintableText(lines: try fields.require("consequence")))
    }
    try fields.end()
  }

  /// The frame to be sent.
  public var frame: ControlFrame {
    var lines = LabelledLines()
    lines["text"] = text.isEmpty ? nil : text.description
    lines["warnings"] = warnings.isEmpty ? nil : warnings.map(\.description).joined(separator: "\n")
    lines["operations"] = String(operations)
    lines["generation"] = generation.map { String($0) }
    lines["unstored"] = notPersisted?.reason
    lines["consequence"] = notPersisted?.consequence.description
    return ControlFrame(.result, document: lines.text)
  }
}
