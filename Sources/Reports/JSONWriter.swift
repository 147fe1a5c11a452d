// SPDX-License-Identifier: GPL-3.0-or-later

/// Writes JSON (RFC 8259) as it goes: pretty-printed with two spaces, members in the order that they are put, the same
/// bytes for the same calls. Nothing is quoted or closed by hand: an object or array is a closure's whole life.
///
///     let text = JSONWriter.object { json in
///       json.put("schema", "wgfence/audit/1")
///       json.array("listeners") { list in
///         for listener in listeners { list.object { $0.put("port", listener.port) } }
///       }
///     }
///
/// Names are not checked for being unique. Numbers are integers, in full: readers that hold them as doubles lose what is
/// beyond 2^53.
public enum JSONWriter {
  /// A document that is one object, with a line feed at its end.
  public static func object<E: Error>(_ body: (inout Object) throws(E) -> Void) throws(E) -> String {
    var object = Object(output: JSONOutput())
    try body(&object)
    return object.finish().document()
  }

  /// An object on one line, with a line feed at its end: a line of JSON Lines.
  public static func line<E: Error>(_ body: (inout Object) throws(E) -> Void) throws(E) -> String {
    var object = Object(output: JSONOutput(.line))
    try body(&object)
    return object.finish().document()
  }

  /// A document that is one array, with a line feed at its end.
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

    /// A member that is a text, a number, a truth, or null where there is none.
    public mutating func put(_ name: String, _ value: some JSONScalar) {
      begin(name)
      value.write(to: &output)
    }

    /// A member that is null.
    public mutating func null(_ name: String) {
      begin(name)
      output.literal("null")
    }

    /// A member that is an object.
    public mutating func object<E: Error>(_ name: String, _ body: (inout Object) throws(E) -> Void) throws(E)
    {
      begin(name)
      var child = Object(output: output.take())
      defer { output = child.finish() }
      try body(&child)
    }

    /// A member that is an array.
    public mutating func array<E: Error>(_ name: String, _ body: (inout Array) throws(E) -> Void) throws(E) {
      begin(name)
      var child = Array(output: output.take())
      defer { output = child.finish() }
      try body(&child)
    }

    /// A member that is an array of texts, numbers or truths.
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

    /// An element that is a text, a number, a truth, or null where there is none.
    public mutating func put(_ value: some JSONScalar) {
      output.next()
      value.write(to: &output)
    }

    /// An element that is an object.
    public mutating func object<E: Error>(_ body: (inout Object) throws(E) -> Void) throws(E) {
      output.next()
      var child = Object(output: output.take())
      defer { output = child.finish() }
      try body(&child)
    }

    /// An element that is an array.
    public mutating func array<E: Error>(_ body: (inout Array) throws(E) -> Void) throws(E) {
      output.next()
      var child = Array(output: output.take())
      defer { output = child.finish() }
      try body(&child)
    }
  }
}
