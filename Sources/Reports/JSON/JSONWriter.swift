// SPDX-License-Identifier: GPL-3.0-or-later

/// A streaming writer of JSON (RFC 8259): indented by two spaces, members in the order of the calls, the same bytes
/// for the same calls. Quoting and closing brackets are automatic: an object or array is open while its closure runs.
///
///     let text = JSONWriter.object { json in
///       json.put("schema", "wgfence/audit/1")
///       json.array("listeners") { list in
///         for listener in listeners { list.object { $0.put("port", listener.port) } }
///       }
///     }
///
/// Names are not checked for duplicates. Numbers are integers and are written in full: readers that use doubles lose
/// precision beyond 2^53.
public enum JSONWriter {
  /// Writes a document that is one object, ended by a line feed.
  public static func object<E: Error>(_ body: (inout Object) throws(E) -> Void) throws(E) -> String {
    var object = Object(output: JSONOutput())
    try body(&object)
    return object.finish().document()
  }

  /// Writes an object on one line, ended by a line feed: a line of JSON Lines.
  public static func line<E: Error>(_ body: (inout Object) throws(E) -> Void) throws(E) -> String {
    var object = Object(output: JSONOutput(.line))
    try body(&object)
    return object.finish().document()
  }

  /// Writes a document that is one array, ended by a line feed.
  public static func array<E: Error>(_ body: (inout Array) throws(E) -> Void) throws(E) -> String {
    var array = Array(output: JSONOutput())
    try body(&array)
    return array.finish().document()
  }

  /// An object that is being written.
  public struct Object: ~Copyable {
    private var output: JSONOutput

    fileprivate init(output: consuming JSONOutput) {
      self.output = output
      self.output.open("{")
    }

    fileprivate mutating func finish() -> JSONOutput {
      output.close("}")
      return output.take()
    }

    /// Appends a member that is a string, a number, a Boolean, or null if the value is nil.
    public mutating func put(_ name: String, _ value: some JSONScalar) {
      begin(name)
      value.write(to: &output)
    }

    /// Appends a member that is null.
    public mutating func null(_ name: String) {
      begin(name)
      output.literal("null")
    }

    /// Appends a member that is an object.
    public mutating func object<E: Error>(_ name: String, _ body: (inout Object) throws(E) -> Void) throws(E)
    {
      begin(name)
      var child = Object(output: output.take())
      defer { output = child.finish() }
      try body(&child)
    }

    /// Appends a member that is an array.
    public mutating func array<E: Error>(_ name: String, _ body: (inout Array) throws(E) -> Void) throws(E) {
      begin(name)
      var child = Array(output: output.take())
      defer { output = child.finish() }
      try body(&child)
    }

    /// Appends a member that is an array of strings, numbers or Booleans.
    public mutating func put(_ name: String, each values: some Sequence<some JSONScalar>) {
      array(name) { array in
        for value in values { array.put(value) }
      }
    }

    private mutating func begin(_ name: String) {
      output.next()
      output.string(name)
      output.literal(": ")
    }
  }

  /// An array that is being written.
  public struct Array: ~Copyable {
    private var output: JSONOutput

    fileprivate init(output: consuming JSONOutput) {
      self.output = output
      self.output.open("[")
    }

    fileprivate mutating func finish() -> JSONOutput {
      output.close("]")
      return output.take()
    }

    /// Appends an element that is a string, a number, a Boolean, or null if the value is nil.
    public mutating func put(_ value: some JSONScalar) {
      output.next()
      value.write(to: &output)
    }

    /// Appends an element that is an object.
    public mutating func object<E: Error>(_ body: (inout Object) throws(E) -> Void) throws(E) {
      output.next()
      var child = Object(output: output.take())
      defer { output = child.finish() }
      try body(&child)
    }

    /// Appends an element that is an array.
    public mutating func array<E: Error>(_ body: (inout Array) throws(E) -> Void) throws(E) {
      output.next()
      var child = Array(output: output.take())
      defer { output = child.finish() }
      try body(&child)
    }
  }
}
