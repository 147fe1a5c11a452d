// SPDX-License-Identifier: GPL-3.0-or-later

internal import PolicyLanguage

/// The descriptions that an editor shows for each map and key of the language.
extension PolicySchema {
  /// The description of a map, in one or two sentences.
  static func words(for map: LanguageMap) -> String {
    switch map {
    case .policy:
      "A policy of wgfence: every machine of a site, and who may reach what on it. Traffic that no line allows is dropped."
    case .tunnel: "A WireGuard interface that exists on the hosts."
    case .machine: "A peer of a tunnel."
    case .zone: "Interfaces of this machine that are treated alike."
    case .listFile: "A list in a file: one prefix per line, # begins a comment."
    case .grant: "A grant: these sources may reach these services on these targets."
    case .failsafe: "A grant that holds in every state: no policy, an invalid policy, panic."
    case .encryption: "Traffic between these machines is allowed only inside the tunnel."
    case .translation: "Address translation on a machine. It opens nothing: grants are judged before it."
    case .confinement: "Outbound traffic that needs a grant only towards some destinations."
    case .test:
      "What must, or must not, be reachable. 'wgfence check' tests it with the compiled rules of every machine on the path."
    }
  }

  /// The schema of a key's value, with its description; nil for a key that the map does not have.
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
          "The path of the file, relative to the policy's folder. It is in git and reviewed with the policy.",
          text(Pattern.file, expected: "a path inside the policy's folder")
        )
      default: nil
      }
    case .grant, .failsafe: grant(key)
    case .encryption:
      switch key {
      case "between": ("Two or more machines, or groups of them. Each pair is protected.", members)
      case "tunnel": ("The tunnel that they must use; it needs 'listen'.", tunnelName)
      case "shared":
        (
          "Those of the machines whose public address other hosts use too, as behind a NAT router: only ports that are granted "
            + "to them in the tunnel are closed at that address.",
          members
        )
      default: nil
      }
    case .translation: translation(key)
    case .confinement:
      switch key {
      case "from": ("Machines, groups or MACHINE.containers.", oneOrMore(confinedSender))
      case "to": ("The destinations that need a grant; all others stay allowed.", oneOrMore(prefix))
      default: nil
      }
    case .test: test(key)
    }
  }

  private static func translation(_ key: String) -> (String, JSONTree)? {
    switch key {
    case "at": ("The machine that translates.", machineName)
    case "masquerade":
      (
        "Zones and tunnels of the machine: what comes from them and leaves over 'over' gets the machine's own address.",
        oneOrMore(zoneOrTunnel)
      )
    case "forward":
      (
        "Services: what arrives for them over 'over' is forwarded to 'to'. The sender's address stays.",
        oneOrMore(aService)
      )
    case "to": ("With 'forward': the machine that gets the packets, through a tunnel.", machineName)
    case "port":
      (
        "With 'forward': another port there.",
        [
          "type": ["integer", "string"], "minimum": 1, "maximum": 65535,
          "pattern": .text("^(?:\(Pattern.port))$"),
        ]
      )
    case "map":
      (
        "A network as it is. Over 'over', its hosts appear as those of 'as', and are reached as these.",
        prefix
      )
    case "as": ("With 'map': the network by which others know it. It is in the machine's 'subnets'.", prefix)
    case "over": ("The zone or tunnel over which the packets leave, or arrive.", zoneOrTunnel)
    default: nil
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
        "Every machine, by name. A host enforces the part of the machine whose name is its host name (or --machine).",
        names(Pattern.name, Self.map(.machine), except: builtInZones).with([("minProperties", 1)])
      )
    case "groups":
      ("Names for lists of machines and other groups.", names(Pattern.name, members, except: builtInZones))
    case "services":
      (
        "Your own services, in addition to the built-in catalogue; names of the catalogue can be redefined.",
        names(Pattern.name, oneOrMore(aService), except: reservedServices)
      )
    case "lists":
      (
        "Named lists of prefixes, in place or in a file.",
        names(
          Pattern.name,
          ["anyOf": [prefix, list(of: prefix), Self.map(.listFile)]], except: builtInZones)
      )
    case "block":
      (
        "Lists whose sources are dropped first, on every zone that is not a tunnel.",
        ["anyOf": [listName, list(of: listName)]]
      )
    case "allow": ("The grants. Traffic that no line allows is dropped.", list(of: Self.map(.grant)))
    case "encrypt":
      (
        "Machines whose traffic with each other is allowed only inside a tunnel, in both directions.",
        list(of: Self.map(.encryption))
      )
    case "translate":
      (
        "Address translation: masquerading, forwarded ports, and networks with the same numbers.",
        list(of: Self.map(.translation))
      )
    case "confine":
      (
        "Machines, or MACHINE.containers, whose outbound traffic needs a grant. Without it, outbound traffic is allowed.",
        list(of: ["anyOf": [confinedSender, Self.map(.confinement)]])
      )
    case "refuse":
      (
        "Zones and tunnels that get a TCP reset or an ICMP error for what no grant allows, instead of no answer.",
        oneOrMore(zoneOrTunnel)
      )
    case "failsafe":
      (
        "Grants that hold in every state. Keep your own access here, such as ssh from your own machine.",
        list(of: Self.map(.failsafe))
      )
    case "observe":
      (
        "Machines on which nothing is dropped yet: what the policy does not allow is counted and logged.",
        members
      )
    case "tests":
      (
        "What must, or must not, be reachable, whatever changes in the lines above.",
        list(of: Self.map(.test))
      )
    default: nil
    }
  }

  private static func tunnel(_ key: String) -> (String, JSONTree)? {
    switch key {
    case "prefixes": ("The addresses inside the tunnel.", oneOrMore(prefix))
    case "listen":
      (
        "WireGuard's UDP port. It is open to every source: WireGuard answers only known peers.",
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
        "Its exact addresses, by tunnel. Only a machine that has an address can be named in 'from'.",
        names(Pattern.tunnel, oneOrMore(address))
      )
    case "endpoint":
      (
        "Its public address or addresses, never a host name; 'live' follows the peer (needs 'key'). Omit it for a roaming machine.",
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
        "Its zones, by name. 'internet' is every interface that no zone or tunnel claims; 'containers' is the bridges of guests.",
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
        "The sources that are accepted there; 'live' follows the networks of the interfaces' own addresses. Required for MACHINE.ZONE in 'to' or 'from', which 'live' cannot be used for.",
        ["anyOf": [["const": "live"], prefix, list(of: prefix)]]
      )
    default: nil
    }
  }

  private static func grant(_ key: String) -> (String, JSONTree)? {
    switch key {
    case "to":
      (
        "A machine or group; or hosts behind a machine: MACHINE.ZONE (MACHINE.internet too), or a prefix of its subnets. "
          + "With 'confine', 'internet' or any prefix: where the machines in 'from' may send. Or a list of these.",
        oneOrMore(target)
      )
    case "services":
      (
        "The services that may be reached, by name, or written as 8080/tcp; 'any' is every protocol and port.",
        oneOrMore(aService)
      )
    case "from":
      (
        "The sources: a machine or group (by tunnel address, on the tunnel only), a tunnel, a zone of the target, "
          + "MACHINE.ZONE, a list, a prefix (not on tunnels), or 'anywhere'. Or a list of these.",
        oneOrMore(source)
      )
    case "because":
      (
        "The reason, in one line. It is shown in nft comments and reports.",
        ["type": ["string", "number", "boolean"], "pattern": .text("^(?:\(Pattern.oneLine))$")]
      )
    case "limit":
      (
        "New connections of each source address (IPv6: each /64) in a second, minute or hour. More are dropped.",
        text(Pattern.rate, expected: "a rate like 6/minute")
      )
    case "burst":
      (
        "With 'limit': new connections at once after an idle time. Default: the number in 'limit'.",
        [
          "type": ["integer", "string"], "minimum": 1, "maximum": 100_000,
          "pattern": .text("^(?:\(Pattern.burst))$"),
        ]
      )
    case "until":
      (
        "The last day of the grant (UTC). 'wgfence check' warns from 30 days before; after it, the grant is not compiled.",
        text(Pattern.date, expected: "a date like 2027-06-30")
      )
    default: nil
    }
  }

  private static func test(_ key: String) -> (String, JSONTree)? {
    let expectation: JSONTree = ["anyOf": [["const": "all"], aService, list(of: orAll)]]
    return switch key {
    case "from": ("The sources, as in 'from' of a grant.", oneOrMore(source))
    case "to": ("The targets, as in 'to' of a grant.", oneOrMore(target))
    case "over":
      (
        "The zone or tunnel over which the packet arrives. Default: for a machine its tunnel, for a zone the zone itself.",
        zoneOrTunnel
      )
    case "allow":
      ("The services that must be let in; 'all' means every service that any line names.", expectation)
    case "deny":
      ("The services that must not be let in; 'all' means every service that any line names.", expectation)
    default: nil
    }
  }

  private static let builtInZones = [Zone.internet, Zone.containers]
  private static let prefix = text(Pattern.prefix, expected: "a prefix like 10.0.0.0/8")
  private static let address = text(Pattern.address, expected: "an address like 10.0.0.1")
  private static let machineName = text(Pattern.name, expected: "the name of a machine")
  private static let listName = text(Pattern.name, expected: "the name of a list")
  private static let tunnelName = text(Pattern.tunnel, expected: "the name of a tunnel")
  private static let zoneOrTunnel = text(
    Pattern.name, Pattern.tunnel, expected: "the name of a zone or tunnel")
  private static let members = oneOrMore(text(Pattern.name, expected: "the name of a machine or group"))
  private static let confinedSender = text(
    Pattern.name, #"\#(Pattern.name)\.\#(Zone.containers)"#,
    expected: "a machine, a group or MACHINE.containers")
  private static let aService: JSONTree = ["$ref": "#/definitions/service"]
  private static let orAll: JSONTree = ["anyOf": [["const": "all"], aService]]

  private static let target = text(
    Pattern.name, #"\#(Pattern.name)\.\#(Pattern.name)"#, Pattern.prefix,
    expected: "a machine, a group, MACHINE.ZONE or a prefix")

  private static let source: JSONTree = [
    "anyOf": [
      [
        "enum": .texts(builtInZones + ["anywhere"]),
        "enumDescriptions": [
          "packets on interfaces that no zone or tunnel claims", "Docker's bridges on the machine",
          "every zone and tunnel",
        ],
      ],
      text(
        Pattern.name, #"\#(Pattern.name)\.\#(Pattern.name)"#, Pattern.tunnel, Pattern.prefix,
        expected: "a machine, group, tunnel, zone, MACHINE.ZONE, list or prefix"),
    ]
  ]
}
