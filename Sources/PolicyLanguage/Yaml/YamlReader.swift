// SPDX-License-Identifier: GPL-3.0-or-later

import CYaml

/// Parses a YAML file into nodes with exact marks, by the events of libyaml. The only file that uses libyaml.
///
/// Rejected, each with its location: anchors, aliases, tags, directives, merge keys, keys that are not text,
/// duplicate keys, a second document, more than 64 levels, invalid UTF-8 and forbidden characters. A small
/// file therefore cannot expand into a large policy.
struct YamlReader: ~Copyable {
  /// The largest allowed file, in bytes.
  static let sizeLimit = 4 << 20
  /// The deepest allowed nesting of lists and maps.
  static let depthLimit = 64

  /// The node of the only document of the file; nil if there is none, or if it ends with a syntax error. Both
  /// are reported.
  static func read(_ source: SourceText, log: inout DiagnosticLog) -> YamlNode? {
    guard source.bytes.count <= sizeLimit else {
      log.error(
        .start, "the file is larger than 4 MiB", help: "move long lists of prefixes to files of their own")
      return nil
    }
    if let (offset, flaw) = source.firstFlaw() {
      let mark = source.mark(at: offset)
      switch flaw {
      case .invalidUTF8: log.error(mark, "this is not valid UTF-8", help: "save the file as UTF-8")
      case .character(let value):
        log.error(mark, "the character \(codePoint(value)) is not allowed in a policy", help: "remove it")
      }
      return nil
    }
    return unsafe source.bytes.withUnsafeBufferPointer { buffer in
      var reader = unsafe YamlReader(buffer, source: source, log: log)
      let node = reader.document()
      log = reader.log
      return node
    }
  }

  private let events: YamlEvents
  private let source: SourceText
  private var log: DiagnosticLog
  /// Whether the file has a byte that can begin an anchor or a tag. libyaml drops the tag `!` silently, so
  /// its events are not sufficient.
  private let mayHoldProperties: Bool
  /// Whether the file has a backslash.
  private let mayHoldEscapes: Bool
  /// The position up to which anchors and tags have been searched: in characters, and in bytes.
  private var cursor = (index: 0, offset: 0)
  /// The character index at which an anchor or a tag was last reported.
  private var lastRefused = -1
  private var isBrokenOff = false

  private init(_ buffer: UnsafeBufferPointer<UInt8>, source: SourceText, log: DiagnosticLog) {
    unsafe events = YamlEvents(buffer)
    self.source = source
    self.log = log
    mayHoldEscapes = source.bytes.contains(UInt8(ascii: "\\"))
    mayHoldProperties = source.bytes.contains(UInt8(ascii: "!")) || source.bytes.contains(UInt8(ascii: "&"))
  }

  private mutating func document() -> YamlNode? {
    guard next()?.kind == .streamStart, let start = next() else { return nil }
    guard start.kind == .documentStart else {
      log.error(.start, "the file is empty", help: "a policy begins with 'version: 1'")
      return nil
    }
    if start.hasProperties {
      log.error(start.mark, "YAML directives are not allowed in a policy", help: "remove it")
    }
    guard let first = next(), let node = node(first, depth: 1), next() != nil, let end = next() else {
      return nil
    }
    if end.kind == .documentStart {
      log.error(
        end.mark, "a second document begins here", help: "a policy is one document: remove the '---'")
    }
    return isBrokenOff ? nil : node
  }

  /// The next event; nil, and reported, if the text is not valid YAML.
  private mutating func next() -> YamlEvents.Event? {
    if isBrokenOff { return nil }
    switch events.next() {
    case .success(let event): return event
    case .failure(let failure):
      let hint: String? =
        switch failure.problem {
        case "found character that cannot start any token":
          "indent with spaces, not tabs; quote values that begin with @ or `"
        case "mapping values are not allowed in this context":
          "look for a missing ':' or quote on the line before"
        default: failure.context
        }
      log.error(failure.mark, "this is not valid YAML: \(failure.problem)", help: hint)
      isBrokenOff = true
      return nil
    }
  }

  private mutating func node(_ event: YamlEvents.Event, depth: Int) -> YamlNode? {
    if mayHoldProperties, event.kind != .alias { refuseProperties(of: event) }
    switch event.kind {
    case .scalar:
      // The file has no forbidden characters, but a quoted text can have their escapes: "\e", "\u202e".
      if mayHoldEscapes,
        let refused = event.text.unicodeScalars.first(where: { SourceText.isRefused($0.value) })
      {
        log.error(
          event.mark,
          "the character \(Self.codePoint(refused.value)) is not allowed in a policy, not even as an escape",
          help: "remove it")
        return YamlNode(content: .refused, mark: event.mark)
      }
      return YamlNode(content: .text(event.text), mark: event.mark)
    case .alias:
      log.error(
        event.mark, "YAML aliases are not allowed in a policy", help: "write the value out, or define a group"
      )
      return YamlNode(content: .refused, mark: event.mark)
    case .listStart, .mapStart:
      guard depth <= Self.depthLimit else {
        log.error(event.mark, "lists and maps are nested deeper than 64 levels")
        isBrokenOff = true
        return nil
      }
      return event.kind == .listStart ? list(event, depth: depth) : map(event, depth: depth)
    case .streamStart, .documentStart, .end, .other: return nil
    }
  }

  /// `U+202E`
  private static func codePoint(_ value: UInt32) -> String {
    let digits = String(value, radix: 16, uppercase: true)
    return "U+\(String(repeating: "0", count: max(0, 4 - digits.utf8.count)))\(digits)"
  }

  private mutating func list(_ start: YamlEvents.Event, depth: Int) -> YamlNode? {
    var nodes: [YamlNode] = []
    while let event = next() {
      if event.kind == .end {
        return YamlNode(content: .list(nodes), mark: start.mark(upTo: event, first: nodes.first?.mark))
      }
      guard let node = node(event, depth: depth + 1) else { return nil }
      nodes.append(node)
    }
    return nil
  }

  private mutating func map(_ start: YamlEvents.Event, depth: Int) -> YamlNode? {
    var entries: [YamlEntry] = []
    // Filled from the ninth key on: most maps are small.
    var places: [String: Int] = [:]
    while let event = next() {
      if event.kind == .end {
        return YamlNode(content: .map(entries), mark: start.mark(upTo: event, first: entries.first?.key.mark))
      }
      guard let key = node(event, depth: depth + 1), let following = next(),
        let value = node(following, depth: depth + 1)
      else { return nil }
      guard case .text(let text) = key.content else {
        if case .refused = key.content { continue }
        log.error(key.mark, "a key must be text, not \(key.kind)")
        continue
      }
      if text == "<<" {
        log.error(key.mark, "YAML merge keys are not allowed in a policy", help: "write the keys out")
        continue
      }
      let earlier: Int?
      if entries.count < 8 {
        earlier = entries.firstIndex { $0.key.text == text }
      } else {
        if places.isEmpty { for (index, entry) in entries.enumerated() { places[entry.key.text] = index } }
        earlier = places[text]
        if earlier == nil { places[text] = entries.count }
      }
      if let earlier {
        log.error(
          key.mark, "duplicate key '\(text.shortened)'",
          help: "the first one is on line \(entries[earlier].key.mark.line)")
        continue
      }
      entries.append(YamlEntry(key: YamlText(text: text, mark: key.mark), value: value))
    }
    return nil
  }

  /// Reports the anchor and the tag of a node: they are at its beginning, in either order.
  private mutating func refuseProperties(of event: YamlEvents.Event) {
    // A map in block style begins at its first key, whose anchor and tag have already been reported.
    guard event.index != lastRefused else { return }
    while cursor.index < event.index, cursor.offset < source.bytes.count {
      cursor.offset += 1
      while cursor.offset < source.bytes.count, source.bytes[cursor.offset] & 0xc0 == 0x80 {
        cursor.offset += 1
      }
      cursor.index += 1
    }
    var offset = cursor.offset
    while offset < source.bytes.count {
      let sign = source.bytes[offset]
      guard sign == UInt8(ascii: "&") || sign == UInt8(ascii: "!") else { break }
      let word = source.bytes[offset...].prefix { !" \t\r\n,[]{}".utf8.contains($0) }
      log.error(
        Mark(
          line: Int(event.mark.line), column: Int(event.mark.column) + offset - cursor.offset,
          length: word.count),
        "YAML \(sign == UInt8(ascii: "&") ? "anchors" : "tags") are not allowed in a policy",
        help: "remove it")
      lastRefused = event.index
      offset += word.count
      offset += source.bytes[offset...].prefix { $0 == UInt8(ascii: " ") }.count
    }
    if event.hasProperties, lastRefused != event.index {
      log.error(event.mark, "YAML anchors and tags are not allowed in a policy", help: "remove it")
      lastRefused = event.index
    }
  }
}

/// libyaml's parser for a buffer that must outlive it. The C struct stays at one address, because it has
/// pointers into itself.
@safe private struct YamlEvents: ~Copyable {
  /// The kind of an event.
  enum Kind {
    case streamStart, documentStart, scalar, alias, listStart, mapStart
    /// Of a list or of a map.
    case end
    case other
  }

  /// An event, copied from the C struct.
  struct Event {
    let kind: Kind
    /// The text of a scalar; empty for other events.
    let text: String
    let mark: Mark
    /// The number of characters before it.
    let index: Int
    /// The line on which it ends, from 1.
    let endLine: Int
    let endColumn: Int
    /// Whether it has an anchor or a tag, or, at a document's start, a directive.
    let hasProperties: Bool

    /// The mark of a list or map that begins with this event: all of it if it ends on the same line, else its
    /// first node.
    func mark(upTo end: Event, first: Mark?) -> Mark {
      if end.endLine == Int(mark.line), end.endColumn > Int(mark.column) {
        return mark.with(length: end.endColumn - Int(mark.column))
      }
      if let first, first.line == mark.line, first.column == mark.column { return first }
      return mark
    }
  }

  /// Why there is no further event.
  struct Failure: Error {
    let mark: Mark
    /// The message of libyaml.
    let problem: String
    let context: String?
  }

  private let parser: UnsafeMutablePointer<yaml_parser_t>
  private let isReady: Bool

  init(_ buffer: UnsafeBufferPointer<UInt8>) {
    unsafe parser = UnsafeMutablePointer<yaml_parser_t>.allocate(capacity: 1)
    unsafe parser.initialize(to: yaml_parser_t())
    isReady = unsafe yaml_parser_initialize(parser) == 1
    if isReady {
      unsafe yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
      unsafe yaml_parser_set_input_string(parser, buffer.baseAddress, buffer.count)
    }
  }

  deinit {
    if isReady { unsafe yaml_parser_delete(parser) }
    unsafe parser.deallocate()
  }

  /// The next event, or the error.
  func next() -> Result<Event, Failure> {
    guard isReady else { return .failure(Failure(mark: .start, problem: "out of memory", context: nil)) }
    var event = unsafe yaml_event_t()
    guard unsafe yaml_parser_parse(parser, &event) == 1 else { return .failure(failure()) }
    defer { unsafe yaml_event_delete(&event) }
    var text = ""
    var hasProperties = false
    let kind: Kind
    switch unsafe event.type {
    case YAML_STREAM_START_EVENT: kind = .streamStart
    case YAML_DOCUMENT_START_EVENT:
      kind = .documentStart
      let start = unsafe event.data.document_start
      hasProperties =
        unsafe start.version_directive != nil || start.tag_directives.start != start.tag_directives.end
    case YAML_ALIAS_EVENT: kind = .alias
    case YAML_SCALAR_EVENT:
      kind = .scalar
      let scalar = unsafe event.data.scalar
      unsafe text = String(
        decoding: UnsafeBufferPointer(start: scalar.value, count: scalar.length), as: UTF8.self)
      hasProperties = unsafe scalar.anchor != nil || scalar.tag != nil
    case YAML_SEQUENCE_START_EVENT:
      kind = .listStart
      hasProperties = unsafe event.data.sequence_start.anchor != nil || event.data.sequence_start.tag != nil
    case YAML_MAPPING_START_EVENT:
      kind = .mapStart
      hasProperties = unsafe event.data.mapping_start.anchor != nil || event.data.mapping_start.tag != nil
    case YAML_SEQUENCE_END_EVENT, YAML_MAPPING_END_EVENT: kind = .end
    default: kind = .other
    }
    let (start, end) = unsafe (event.start_mark, event.end_mark)
    // Of a node with several lines, the first character is underlined.
    let length = start.line == end.line && end.column > start.column ? end.column - start.column : 1
    return .success(
      Event(
        kind: kind, text: text, mark: Mark(line: start.line + 1, column: start.column + 1, length: length),
        index: start.index, endLine: end.line + 1, endColumn: end.column + 1, hasProperties: hasProperties))
  }

  private func failure() -> Failure {
    func words(_ text: UnsafePointer<CChar>?) -> String? { unsafe text.map { unsafe String(cString: $0) } }
    let problem = unsafe words(parser.pointee.problem) ?? "libyaml reports no reason"
    let context = unsafe words(parser.pointee.context)
    let contextMark = unsafe parser.pointee.context_mark
    // If the text ends too early, the start of the unclosed node is more useful than the end of the file.
    let isOpen = problem == "found unexpected end of stream"
    let mark = unsafe isOpen ? contextMark : parser.pointee.problem_mark
    let line = contextMark.line + 1
    return Failure(
      mark: Mark(line: Int(mark.line) + 1, column: Int(mark.column) + 1), problem: problem,
      context: context.map { "\($0) that begins on line \(line)" })
  }
}
