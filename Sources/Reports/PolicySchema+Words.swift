// SPDX-License-Identifier: GPL-3.0-or-later

internal import PolicyLanguage

/// What an editor shows of each map and key of the language.
extension PolicySchema {
  /// What a map is, in a sentence or two.
  static func words(for map: LanguageMap) -> String {
    switch map {
    case .policy:
      "A policy of wgfence: every machine of a site, and who may reach what on it. What no line allows is dropped."
    case .tunnel: "A WireGuard interface that exists on the hosts."
    case .machine: "A peer of a tunnel."
    case .zone: "Interfaces of this machine that are treated alike."
    case .listFile: "A list in a file: one prefix a line, # begins a comment."
    case .grant: "A grant: these sources may reach these services there."
    case .failsafe: "A grant that holds in every state: no policy yet, a broken one, panic."
    case .encryption: "Traffic between these machines travels inside the tunnel or not at all."
    case .test: "What must hold, tried by 'wgfence check' on the compiled rules of every machine on the way."
    }
  }

  /// A key's value and its text; nil for a key that the map does not have.
  static func property(_ key: String, of map: LanguageMap) -> JSONTree? {
    guard let (text, value) = described(key, of: map) else { return nil }
    let description: JSONTree = ["description": .text(text)]
    guard case .object(let members) = value else { return description }
    return description.with(members)
  }

  private static func described(_ key: String, of map: LanguageMap) -> (String, JSONTree)? {
    switch map {
    case .policy: policy(key)
    case .tunnel: tunnel(key)
    case .machine: machine(key)
    case .zone: zone(key)
    case .listFile:
      switch key {
      case "file":
        (
          "The file's path, from the policy's folder. It is reviewed with the policy, in git too.",
          text(Pattern.file, expected: "a path beside the policy")
        )
      default: nil
      }
    case .grant, .failsafe: grant(key)
    case .encryption:
      switch key {
      case "between": ("Two or more machines, or groups of them. Each pair is protected.", members)
      case "tunnel": ("The tunnel that they are to use; it needs 'listen'.", tunnelName)
      default: nil
      }
    case .test: test(key)
    }
  }

  private static func policy(_ key: String) -> (String, JSONTree)? {
    switch key {
    case "version": ("The version of the language.", ["enum": [1, "1"]])
    case "tunnels":
      (
        "The tunnels, by the names of their WireGuard interfaces.",
        names(Pattern.tunnel, Self.map(.tunnel))
      )
    case "machines":
      (
        "Every machine, by name. A machine enforces its own part where its host name (or --machine) is this name.",
        names(Pattern.name, Self.map(.machine), except: builtInZones).with([("minProperties", 1)])
      )
    case "groups":
      ("Names for lists of machines and other groups.", names(Pattern.name, members, except: builtInZones))
    case "services":
      (
        "Services of your own, beside the catalogue; a name of the catalogue may be defined anew.",
        names(Pattern.name, oneOrMore(aService), except: reservedServices)
      )
    case "lists":
      (
        "Named prefixes, in place or in a file.",
        names(
          Pattern.name,
          ["anyOf": [prefix, list(of: prefix), Self.map(.listFile)]], except: builtInZones)
      )
    case "block":
      (
        "Lists whose sources are dropped first, on every zone that is not a tunnel.",
        ["anyOf": [listName, list(of: listName)]]
      )
    case "allow": ("The grants. What no line allows is dropped.", list(of: Self.map(.grant)))
    case "encrypt":
      (
        "Machines whose traffic with each other travels inside a tunnel or not at all, in both directions.",
        list(of: Self.map(.encryption))
      )
    case "failsafe":
      (
        "Grants that hold in every state: leave yourself a way in, such as ssh from your own machine.",
        list(of: Self.map(.failsafe))
      )
    case "tests": ("What must hold, whoever edits the lines above.", list(of: Self.map(.test)))
    default: nil
    }
  }

  private static func tunnel(_ key: String) -> (String, JSONTree)? {
    switch key {
    case "prefixes": ("The addresses inside the tunnel.", oneOrMore(prefix))
    case "listen":
      (
        "WireGuard's UDP port. It is let in from anywhere: WireGuard answers nobody it does not know.",
        [
          "type": ["integer", "string"], "minimum": 1, "maximum": 65535,
          "pattern": .text("^(?:\(Pattern.port))$"),
        ]
      )
    case "hub":
      ("The machine that relays between the tunnel's peers, if there is one.", machineName)
    default: nil
    }
  }

  private static func machine(_ key: String) -> (String, JSONTree)? {
    switch key {
    case "addresses":
      (
        "Its exact addresses, by tunnel. Only a machine that has one can be named in 'from'.",
        names(Pattern.tunnel, oneOrMore(address))
      )
    case "endpoint":
      (
        "Its public address or addresses, never a host name; 'live' follows the peer (needs 'key'). None if it roams.",
        ["anyOf": [["const": "live"], address, ["type": "array", "minItems": 1, "items": address]]]
      )
    case "key":
      (
        "Its WireGuard public key, as 'wg pubkey' prints it.",
        text(Pattern.key, expected: "a WireGuard public key")
      )
    case "subnets": ("Prefixes behind it that others reach through the tunnel.", oneOrMore(prefix))
    case "zones":
      (
        "Its zones, by name. 'internet' is whatever no zone or tunnel claims; 'containers' is Docker's bridges.",
        names(Pattern.name, Self.map(.zone), except: [Zone.internet])
      )
    default: nil
    }
  }

  private static func zone(_ key: String) -> (String, JSONTree)? {
    switch key {
    case "interfaces":
      (
        "Names of interfaces, exact or with a '*' at the end.",
        oneOrMore(text(Pattern.interface, expected: "the name of an interface"))
      )
    case "prefixes":
      (
        "The sources that may appear there. Needed to grant to the zone, or from it elsewhere.",
        oneOrMore(prefix)
      )
    default: nil
    }
  }

  private static func grant(_ key: String) -> (String, JSONTree)? {
    switch key {
    case "to":
      (
        "A machine or group; or what a machine routes: MACHINE.ZONE, or a prefix of its subnets. Or a list of these.",
        oneOrMore(target)
      )
    case "services":
      ("What may be reached: services by name, or written as 8080/tcp.", oneOrMore(aService))
    case "from":
      (
        "Who may: a machine or group (by tunnel address, on the tunnel alone), a tunnel, a zone of the target, "
          + "MACHINE.ZONE, a list, a prefix (not on tunnels). Or a list of these.",
        oneOrMore(source)
      )
    case "because":
      (
        "Why, in one line: kept in comments and reports.",
        ["type": ["string", "number", "boolean"], "pattern": .text("^(?:\(Pattern.oneLine))$")]
      )
    case "until":
      (
        "The last day on which it holds (UTC). Warned of 30 days before; afterwards no longer compiled.",
        text(Pattern.date, expected: "a date like 2027-06-30")
      )
    default: nil
    }
  }

  private static func test(_ key: String) -> (String, JSONTree)? {
    let expectation: JSONTree = ["anyOf": [["const": "all"], aService, list(of: orAll)]]
    return switch key {
    case "from": ("Who asks: like 'from' of a grant.", oneOrMore(source))
    case "to": ("Who is asked: like 'to' of a grant.", oneOrMore(target))
    case "over":
      (
        "The zone or tunnel over which the packet comes. Without it a machine comes over its tunnel, a zone over itself.",
        text(Pattern.name, Pattern.tunnel, expected: "the name of a zone or tunnel")
      )
    case "allow": ("What must be let in: services, or 'all' that any line names.", expectation)
    case "deny": ("What must not be let in: services, or 'all' that any line names.", expectation)
    default: nil
    }
  }

  private static let builtInZones = [Zone.internet, Zone.containers]
  private static let prefix = text(Pattern.prefix, expected: "a prefix like 10.0.0.0/8")
  private static let address = text(Pattern.address, expected: "an address like 10.0.0.1")
  private static let machineName = text(Pattern.name, expected: "the name of a machine")
  private static let listName = text(Pattern.name, expected: "the name of a list")
  private static let tunnelName = text(Pattern.tunnel, expected: "the name of a tunnel")
  private static let members = oneOrMore(text(Pattern.name, expected: "the name of a machine or group"))
  private static let aService: JSONTree = ["$ref": "#/definitions/service"]
  private static let orAll: JSONTree = ["anyOf": [["const": "all"], aService]]

  private static let target = text(
    Pattern.name, #"\#(Pattern.name)\.\#(Pattern.name)"#, Pattern.prefix,
    expected: "a machine, a group, MACHINE.ZONE or a prefix")

  private static let source: JSONTree = [
    "anyOf": [
      [
        "enum": .texts(builtInZones),
        "enumDescriptions": [
          "whatever arrives on interfaces that no zone or tunnel claims", "Docker's bridges of the machine",
        ],
      ],
      text(
        Pattern.name, #"\#(Pattern.name)\.\#(Pattern.name)"#, Pattern.tunnel, Pattern.prefix,
        expected: "a machine, group, tunnel, zone, MACHINE.ZONE, list or prefix"),
    ]
  ]
}
