// swift-tools-version: 6.2
// SPDX-License-Identifier: GPL-3.0-or-later

import PackageDescription

/// Set only by Tests/Proof/fuzz.sh: everything is built for libFuzzer, with the program that runs it. Such a build
/// has no other use.
let isFuzzing = Context.environment["WGFENCE_FUZZ"] == "1"

/// Settings of every target: Swift 6, warnings are errors, explicit existentials and imports.
let house: [SwiftSetting] =
  [
    .swiftLanguageMode(.v6),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
  ]
  + (isFuzzing
    ? [.unsafeFlags(["-sanitize=fuzzer,address", "-enable-testing"])]
    // A section for each function: the linker leaves out those that nobody calls, and joins equal ones.
    : [.unsafeFlags(["-Xfrontend", "-function-sections"], .when(configuration: .release))])

/// The pure modules work only on values: every unsafe construct must be marked.
let pure: [SwiftSetting] = house + [.strictMemorySafety()]

/// Those of them that compute with large sets are optimized in debug builds too, with assertions: most of the time of the tests is
/// spent there.
let computing: [SwiftSetting] =
  pure + [.unsafeFlags(["-O", "-assert-config", "Debug"], .when(configuration: .debug))]

/// Values: networks, policies, rulesets, and packets in them, one by one and as sets.
let values: [Target.Dependency] = ["NetworkModel", "PolicyLanguage", "Ruleset", "PacketWalk", "PacketSets"]

/// Analyses of these values, and their reports.
let questions =
  values + [
    "PolicyCompiler", "PolicyAnalysis", "PolicyProof", "PolicyDifference", "TemporaryGrants", "DropAnalysis",
    "HostAnalysis",
    "PolicyImport",
    "ImpactAnalysis", "OutboundAnalysis", "Reports",
  ]

let package = Package(
  name: "wgfence",
  products: [
    .executable(name: "wgfence", targets: ["wgfence"])
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", .upToNextMinor(from: "1.8.2"))
  ],
  targets: [
    .systemLibrary(name: "CMnl", pkgConfig: "libmnl", providers: [.apt(["libmnl-dev"])]),
    .systemLibrary(name: "CNftnl", pkgConfig: "libnftnl", providers: [.apt(["libnftnl-dev"])]),
    .systemLibrary(name: "CYaml", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),
    .systemLibrary(name: "CSodium", pkgConfig: "libsodium", providers: [.apt(["libsodium-dev"])]),
    .target(name: "CSys"),

    .target(name: "NetworkModel", swiftSettings: computing),
    .target(name: "PolicyLanguage", dependencies: ["NetworkModel", "CYaml"], swiftSettings: computing),
    .target(name: "Ruleset", dependencies: ["NetworkModel"], swiftSettings: computing),
    .target(name: "PacketWalk", dependencies: ["NetworkModel", "Ruleset"], swiftSettings: computing),
    .target(
      name: "PacketSets", dependencies: ["NetworkModel", "Ruleset", "PacketWalk"], swiftSettings: computing),
    .target(
      name: "RulesetOptimization", dependencies: ["NetworkModel", "Ruleset"], swiftSettings: computing),
    .target(
      name: "PolicyCompiler",
      dependencies: ["NetworkModel", "PolicyLanguage", "Ruleset", "RulesetOptimization"],
      swiftSettings: computing),
    .target(name: "PolicyAnalysis", dependencies: values + ["PolicyCompiler"], swiftSettings: computing),
    .target(
      name: "PolicyProof", dependencies: values + ["PolicyCompiler", "PolicyAnalysis"],
      swiftSettings: computing),
    .target(name: "PolicyDifference", dependencies: values + ["PolicyAnalysis"], swiftSettings: pure),
    .target(
      name: "TemporaryGrants", dependencies: ["NetworkModel", "PolicyLanguage", "Ruleset", "PolicyCompiler"],
      swiftSettings: pure),
    .target(
      name: "DropAnalysis", dependencies: values + ["PolicyCompiler", "PolicyAnalysis"], swiftSettings: pure),
    .target(
      name: "HostAnalysis", dependencies: values + ["PolicyCompiler", "PolicyAnalysis"], swiftSettings: pure),
    .target(
      name: "PolicyImport", dependencies: values + ["PolicyCompiler", "PolicyAnalysis", "HostAnalysis"],
      swiftSettings: pure),
    .target(
      name: "ImpactAnalysis", dependencies: values + ["PolicyCompiler", "PolicyAnalysis", "HostAnalysis"],
      swiftSettings: pure),
    .target(
      name: "OutboundAnalysis", dependencies: values + ["PolicyAnalysis", "HostAnalysis"],
      swiftSettings: pure),
    .target(
      name: "Reports",
      dependencies: values + [
        "PolicyCompiler", "PolicyAnalysis", "PolicyProof", "PolicyDifference", "TemporaryGrants",
        "DropAnalysis",
        "HostAnalysis", "PolicyImport", "ImpactAnalysis", "OutboundAnalysis",
      ],
      swiftSettings: pure),
    .target(name: "Sodium", dependencies: ["CSodium"], swiftSettings: pure),
    .target(name: "Releases", dependencies: ["NetworkModel", "Sodium"], swiftSettings: pure),
    .target(
      name: "Netlink", dependencies: ["NetworkModel", "Ruleset", "PacketWalk", "CMnl", "CNftnl", "CSys"],
      swiftSettings: house),
    .target(
      name: "LinuxHost", dependencies: ["NetworkModel", "Ruleset", "PacketWalk", "Netlink", "CSys"],
      swiftSettings: house),
    .target(
      name: "Enforcement",
      dependencies: values + ["PolicyCompiler", "PolicyAnalysis", "TemporaryGrants", "Netlink"],
      swiftSettings: house),
    .target(
      name: "PolicyFiles", dependencies: ["NetworkModel", "PolicyLanguage", "Enforcement"],
      swiftSettings: house),
    .target(
      name: "ReleaseFiles",
      dependencies: ["NetworkModel", "Releases", "Netlink", "LinuxHost", "Enforcement"], swiftSettings: house),
    .target(
      name: "DaemonService",
      dependencies: questions + [
        "Netlink", "LinuxHost", "Enforcement", "PolicyFiles", "Releases", "ReleaseFiles",
      ],
      swiftSettings: house),
    .target(
      name: "HostReports",
      dependencies: questions + ["Netlink", "LinuxHost", "Enforcement", "PolicyFiles", "DaemonService"],
      swiftSettings: house),
    .target(
      name: "FleetCommands",
      dependencies: questions + [
        "Netlink", "Enforcement", "PolicyFiles", "Releases", "ReleaseFiles", "DaemonService",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: house),
    .executableTarget(
      name: "wgfence",
      dependencies: questions + [
        "Netlink", "LinuxHost", "Enforcement", "PolicyFiles", "ReleaseFiles", "DaemonService", "HostReports",
        "FleetCommands",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: house,
      // A tenth of the time of a short verb: 55,000 relocations as a bitmap instead of a table (RELR, glibc 2.36), and no 11,000
      // symbols that nobody asks for. A tenth of the size: equal functions are joined.
      linkerSettings: [
        .unsafeFlags(
          [
            "-use-ld=lld", "-Xlinker", "-z", "-Xlinker", "pack-relative-relocs", "-Xlinker",
            "--no-export-dynamic",
            "-Xlinker", "--icf=all",
          ], .when(configuration: .release))
      ]),

    .target(name: "CTestSupport", path: "Tests/CTestSupport"),
    .target(
      name: "TestSupport", dependencies: values + ["Netlink", "LinuxHost", "CNftnl", "CSys", "CTestSupport"],
      path: "Tests/TestSupport", swiftSettings: house),
    .target(
      name: "KernelTestSupport", dependencies: ["Ruleset", "Enforcement", "TestSupport"],
      path: "Tests/KernelTestSupport", swiftSettings: house),
    .target(
      name: "ReleaseTestSupport", dependencies: ["Releases", "Sodium", "CSodium"],
      path: "Tests/ReleaseTestSupport",
      swiftSettings: house),
    .target(
      name: "PolicyTestSupport", dependencies: questions + ["RulesetOptimization", "TestSupport"],
      path: "Tests/PolicyTestSupport",
      swiftSettings: house),
    .target(
      name: "AnalysisTestSupport", dependencies: questions, path: "Tests/AnalysisTestSupport",
      swiftSettings: house),
    .target(
      name: "HostTestSupport",
      dependencies: questions + ["Netlink", "LinuxHost", "Enforcement", "CTestSupport", "TestSupport"],
      path: "Tests/HostTestSupport", swiftSettings: house),
    .executableTarget(
      name: "random-proofs", dependencies: ["PolicyLanguage", "PolicyTestSupport", "HostTestSupport"],
      path: "Tests/RandomProofs",
      swiftSettings: house),

    .testTarget(
      name: "NetworkModelTests", dependencies: ["NetworkModel", "TestSupport"], swiftSettings: house),
    .testTarget(
      name: "PolicyLanguageTests",
      dependencies: ["PolicyLanguage", "NetworkModel", "Reports", "TestSupport"],
      swiftSettings: house),
    .testTarget(name: "RulesetTests", dependencies: values + ["TestSupport"], swiftSettings: house),
    .testTarget(name: "PacketWalkTests", dependencies: values + ["TestSupport"], swiftSettings: house),
    .testTarget(name: "PacketSetsTests", dependencies: values + ["TestSupport"], swiftSettings: house),
    .testTarget(
      name: "RulesetOptimizationTests",
      dependencies: [
        "NetworkModel", "PolicyLanguage", "Ruleset", "RulesetOptimization", "PolicyTestSupport",
      ],
      swiftSettings: house),
    .testTarget(
      name: "PolicyCompilerTests",
      dependencies: questions + ["Netlink", "Enforcement", "TestSupport", "PolicyTestSupport"],
      swiftSettings: house),
    .testTarget(
      name: "PolicyAnalysisTests",
      dependencies: questions + ["TestSupport", "PolicyTestSupport", "AnalysisTestSupport"],
      swiftSettings: house),
    .testTarget(
      name: "DropAnalysisTests",
      dependencies: questions + ["TestSupport", "PolicyTestSupport", "AnalysisTestSupport"],
      swiftSettings: house),
    .testTarget(
      name: "HostAnalysisTests",
      dependencies: questions + ["TestSupport", "PolicyTestSupport", "AnalysisTestSupport"],
      swiftSettings: house),
    .testTarget(
      name: "PolicyImportTests",
      dependencies: questions + ["Netlink", "LinuxHost", "TestSupport", "CTestSupport", "HostTestSupport"],
      swiftSettings: house),
    .testTarget(
      name: "ImpactAnalysisTests",
      dependencies: questions + ["TestSupport", "PolicyTestSupport", "AnalysisTestSupport"],
      swiftSettings: house),
    .testTarget(
      name: "OutboundAnalysisTests",
      dependencies: questions + ["TestSupport", "AnalysisTestSupport"],
      swiftSettings: house),
    .testTarget(
      name: "ReportsTests", dependencies: questions + ["TestSupport", "AnalysisTestSupport"],
      swiftSettings: house),
    .testTarget(
      name: "ReleasesTests", dependencies: ["Releases", "ReleaseTestSupport", "TestSupport"],
      swiftSettings: house),
    .testTarget(
      name: "WalkTests",
      dependencies: questions + [
        "Netlink", "LinuxHost", "Enforcement", "PolicyFiles", "DaemonService", "CTestSupport", "TestSupport",
        "HostTestSupport",
      ],
      swiftSettings: house),
    .testTarget(
      name: "NetlinkTests",
      dependencies: values + [
        "Netlink", "LinuxHost", "CSys", "CMnl", "CNftnl", "CTestSupport", "TestSupport", "KernelTestSupport",
      ],
      swiftSettings: house),
    .testTarget(
      name: "LinuxHostTests",
      dependencies: [
        "NetworkModel", "PacketWalk", "Netlink", "LinuxHost", "CSys", "CTestSupport", "TestSupport",
      ],
      swiftSettings: house),
    .testTarget(
      name: "EnforcementTests",
      dependencies: values + [
        "PolicyCompiler", "Netlink", "LinuxHost", "Enforcement", "KernelTestSupport",
      ],
      swiftSettings: house),
    .testTarget(
      name: "DaemonServiceTests",
      dependencies: questions + [
        "Netlink", "LinuxHost", "Enforcement", "PolicyFiles", "DaemonService", "KernelTestSupport",
        "Releases", "ReleaseFiles", "ReleaseTestSupport", "TestSupport",
      ],
      swiftSettings: house),
    .testTarget(
      name: "HostReportsTests", dependencies: questions + ["Enforcement", "HostReports", "TestSupport"],
      swiftSettings: house),
    .testTarget(
      name: "ProgramTests",
      dependencies: questions + [
        "wgfence", "FleetCommands", "Releases", "ReleaseTestSupport", "Netlink", "LinuxHost", "Enforcement",
        "PolicyFiles", "DaemonService",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: house),
  ]
)

if isFuzzing {
  package.targets.append(
    .executableTarget(
      name: "wgfence-fuzz",
      dependencies: [
        "NetworkModel", "PolicyLanguage", "Ruleset", "PacketWalk", "PacketSets", "Netlink", "LinuxHost",
        "Enforcement", "CSys", "CNftnl", "Releases",
        "TestSupport", "ReleaseTestSupport",
      ],
      path: "Tests/Fuzz", swiftSettings: house + [.unsafeFlags(["-parse-as-library"])],
      linkerSettings: [.unsafeFlags(["-sanitize=fuzzer,address"])]))
}
