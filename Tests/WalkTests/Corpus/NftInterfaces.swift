// SPDX-License-Identifier: GPL-3.0-or-later

/// Finds the names of interfaces in a script of nft: after `iifname` and its like, in the elements of sets of names, in
/// definitions that are used there, and in quotes.
struct NftInterfaces {
  private enum Token: Equatable {
    case word(Substring)
    case quoted(Substring)
    case symbol(Character)
    case newline
  }

  private let tokens: [Token]
  private var definitions: [Substring: [Token]] = [:]
  private var found: [String] = []

  static func names(_ text: String) -> [String] {
    var finder = Self(text)
    finder.find()
    return finder.found
  }

  private init(_ text: String) { tokens = Self.tokens(text) }

  private static func tokens(_ text: String) -> [Token] {
    var tokens: [Token] = []
    var index = text.startIndex
    while index < text.endIndex {
      let character = text[index]
      switch character {
      case "\n":
        tokens.append(.newline)
        index = text.index(after: index)
      case "#": index = text[index...].firstIndex(of: "\n") ?? text.endIndex
      case "\"":
        let start = text.index(after: index)
        let end = text[start...].firstIndex(of: "\"") ?? text.endIndex
        tokens.append(.quoted(text[start..<end]))
        index = end == text.endIndex ? end : text.index(after: end)
      case "{", "}", ",", ";", "=", "!", "(", ")":
        tokens.append(.symbol(character))
        index = text.index(after: index)
      case " ", "\t", "\r", "\\": index = text.index(after: index)
      default:
        let end = text[index...].firstIndex { " \t\r\n{},;=\"()".contains($0) } ?? text.endIndex
        var word = text[index..<end]
        index = end
        if word == "." || word == ":" {
          tokens.append(.symbol(word == "." ? "." : ":"))
        } else if word.hasSuffix(":"), !word.hasSuffix("::") {
          word = word.dropLast()
          tokens += [.word(word), .symbol(":")]
        } else {
          tokens.append(.word(word))
        }
      }
    }
    return tokens
  }

  private static let selectors: Set<Substring> = ["iifname", "oifname", "iif", "oif", "ibrname", "obrname"]
  /// Words before a quoted text that is no interface.
  private static let texts: Set<Substring> = [
    "comment", "prefix", "name", "include", "helper", "type", "level", "to", "group", "skuid", "skgid", "set",
    "policy",
    "timeout", "expectation", "hour", "day", "time", "cgroupv2", "iifkind", "oifkind", "iiftype", "counter",
    "quota", "limit",
  ]
  /// Words in a list or a map of names that are none.
  private static let others: Set<Substring> = [
    "accept", "drop", "continue", "return", "jump", "goto", "counter", "comment", "tcp", "udp", "icmp",
    "icmpv6", "ipv6-icmp",
    "timeout", "expires", "ipv4", "ipv6", "ip", "ip6", "queue", "reject", "elements", "packets", "bytes",
    "oif", "oifname", "iif", "iifname", "type", "exists", "missing", "mark", "and", "or", "xor",
    "lo",
  ]

  private mutating func find() {
    var index = 0
    while index < tokens.count {
      switch tokens[index] {
      case .word("define"), .word("redefine"): index = define(at: index + 1)
      case .word(let word) where Self.selectors.contains(word): index = select(at: index + 1)
      case .word("set"), .word("map"): index = declare(at: index + 1)
      case .quoted(let text):
        if index == 0 || !isText(tokens[index - 1]) { take(text) }
        index += 1
      default: index += 1
      }
    }
  }

  private func isText(_ token: Token) -> Bool {
    if case .word(let word) = token { Self.texts.contains(word) } else { false }
  }

  private mutating func define(at start: Int) -> Int {
    guard start + 2 < tokens.count, case .word(let name) = tokens[start] else { return start }
    var (index, depth) = (start + 2, 0)
    var value: [Token] = []
    while index < tokens.count, depth > 0 || tokens[index] != .newline {
      if tokens[index] == .symbol("{") { depth += 1 }
      if tokens[index] == .symbol("}") { depth -= 1 }
      value.append(tokens[index])
      index += 1
    }
    definitions[name] = value
    return index
  }

  /// What follows `iifname`: a name, a list, a definition, or a map, also one with other parts of a key.
  private mutating func select(at start: Int) -> Int {
    var index = start
    while index < tokens.count,
      tokens[index] == .symbol("!") || tokens[index] == .symbol("=") || tokens[index] == .word("==")
    {
      index += 1
    }
    guard index < tokens.count else { return index }
    switch tokens[index] {
    case .word("vmap"), .word("map"), .symbol("."), .word("!="):
      if tokens[index] == .word("!=") { return select(at: index + 1) }
      // The list is the next one in this statement.
      while index < tokens.count, tokens[index] != .newline, tokens[index] != .symbol("{") { index += 1 }
      return index < tokens.count && tokens[index] == .symbol("{") ? list(at: index) : index
    case .symbol("{"): return list(at: index)
    case .quoted(let text): take(text)
    case .word(let word): take(word, index)
    default: return index
    }
    return index + 1
  }

  /// The names between braces.
  private mutating func list(at start: Int) -> Int {
    var (index, depth) = (start, 0)
    while index < tokens.count {
      let isTarget = index > 0 && (tokens[index - 1] == .word("jump") || tokens[index - 1] == .word("goto"))
      switch tokens[index] {
      case .symbol("{"): depth += 1
      case .symbol("}"):
        depth -= 1
        if depth == 0 { return index + 1 }
      case .quoted(let text): if !isText(tokens[index - 1]) { take(text) }
      case .word(let word): if !isTarget { take(word, index) }
      case .symbol, .newline: break
      }
      index += 1
    }
    return index
  }

  /// A declared set or map: its elements are names if its type has them.
  private mutating func declare(at start: Int) -> Int {
    guard start + 1 < tokens.count, tokens[start + 1] == .symbol("{") else { return start }
    var index = start + 2
    var hasNames = false
    while index < tokens.count, tokens[index] != .symbol("}") {
      switch tokens[index] {
      case .word("ifname"), .word("iifname"), .word("oifname"): hasNames = true
      case .symbol("{"):
        if hasNames { return list(at: index) }
        while index < tokens.count, tokens[index] != .symbol("}") { index += 1 }
      default: break
      }
      index += 1
    }
    return index
  }

  private mutating func take(_ word: Substring, _ index: Int) {
    if word.hasPrefix("$") {
      for token in definitions[word.dropFirst()] ?? [] {
        switch token {
        case .quoted(let text): take(text)
        case .word(let text) where text != word: take(text, index)
        case .word, .symbol, .newline: break
        }
      }
    } else if !Self.others.contains(word), word.first?.isLetter == true, !word.contains("::") {
      take(word)
    }
  }

  private mutating func take(_ text: Substring) {
    let isName = text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "_-.@*+".contains($0)) }
    guard isName, (1...15).contains(text.count), text.first?.isLetter == true, text != "lo" else { return }
    found.append(String(text))
  }
}
