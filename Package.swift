// swift-tools-version: 6.2
// SPDX-License-Identifier: GPL-3.0-or-later

import PackageDescription

/// Set by scripts/fuzz.sh alone: all is built for libFuzzer, and the program that runs it is there. Such a build is no use for
/// anything else.
let isFuzzing = Context.environment["WGFENCE_FUZZ"] == "1"

/// What every target is held to: Swift 6, no warning left standing, existentials and imports spelt out.
let house: [SwiftSetting] =
  [
    .swiftLanguageMode(.v6),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
  ] + (isFuzzing ? [.unsafeFlags(["-sanitize=fuzzer,address", "-enable-testing"])] : [])

/// The pure modules work on values alone: no unsafe construct goes unmarked.
let pure: [SwiftSetting] = house + [.strictMemorySafety()]

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
    .target(name: "CSys"),

    .target(name: "NetworkModel", swiftSettings: pure),
    .target(name: "PolicyLanguage", dependencies: ["NetworkModel", "CYaml"], swiftSettings: pure),
    .target(name: "RulesetModel", dependencies: ["NetworkModel"], swiftSettings: pure),
    .target(
      name: "PolicyCompiler", dependencies: ["NetworkModel", "PolicyLanguage", "RulesetModel"],
      swiftSettings: pure),
    .target(
      name: "PolicyAnalysis",
      dependencies: ["NetworkModel", "PolicyLanguage", "RulesetModel", "PolicyCompiler"],
      swiftSettings: pure),
    .target(
      name: "LinuxKernel", dependencies: ["NetworkModel", "RulesetModel", "CMnl", "CNftnl", "CSys"],
      swiftSettings: house),
    .target(
      name: "Enforcement",
      dependencies: [
        "NetworkModel", "PolicyLanguage", "RulesetModel", "PolicyCompiler", "PolicyAnalysis",
        "LinuxKernel",
      ],
      swiftSettings: house),
    .target(
      name: "TestSupport", dependencies: ["LinuxKernel", "RulesetModel", "CNftnl", "CSys"],
      path: "Tests/TestSupport", swiftSettings: house),
    .target(
      name: "PolicyTestSupport",
      dependencies: ["NetworkModel", "PolicyLanguage", "RulesetModel", "PolicyAnalysis", "TestSupport"],
      path: "Tests/PolicyTestSupport", swiftSettings: house),
    .executableTarget(
      name: "random-proofs", dependencies: ["PolicyLanguage", "PolicyTestSupport"], path: "Tests/RandomProofs",
      swiftSettings: house),
    .testTarget(
      name: "LinuxKernelTests",
      dependencies: ["LinuxKernel", "RulesetModel", "CSys", "CMnl", "CNftnl", "TestSupport"],
      swiftSettings: house),
    .executableTarget(
      name: "wgfence",
      dependencies: [
        "NetworkModel", "PolicyLanguage", "RulesetModel", "PolicyCompiler", "PolicyAnalysis",
        "LinuxKernel", "Enforcement",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: house),

    .testTarget(name: "NetworkModelTests", dependencies: ["NetworkModel"], swiftSettings: house),
    .testTarget(
      name: "PolicyLanguageTests", dependencies: ["PolicyLanguage", "NetworkModel"], swiftSettings: house),
    .testTarget(
      name: "RulesetModelTests", dependencies: ["NetworkModel", "RulesetModel"], swiftSettings: house),
    .testTarget(
      name: "PolicyCompilerTests",
      dependencies: [
        "NetworkModel", "PolicyLanguage", "RulesetModel", "PolicyCompiler", "PolicyAnalysis", "LinuxKernel",
        "Enforcement", "TestSupport",
      ],
      swiftSettings: house),
    .testTarget(
      name: "PolicyAnalysisTests",
      dependencies: [
        "NetworkModel", "PolicyLanguage", "RulesetModel", "PolicyCompiler", "PolicyAnalysis", "TestSupport",
        "PolicyTestSupport",
      ],
      swiftSettings: house),
    .testTarget(
      name: "WalkTests",
      dependencies: [
        "NetworkModel", "PolicyLanguage", "RulesetModel", "PolicyCompiler", "LinuxKernel", "Enforcement",
        "CSys",
        "TestSupport",
      ],
      swiftSettings: house),
    .testTarget(
      name: "ProgramTests",
      dependencies: [
        "wgfence", "NetworkModel", "PolicyLanguage", "RulesetModel", "PolicyCompiler", "PolicyAnalysis",
        "LinuxKernel", "Enforcement",
      ],
      swiftSettings: house),
    .testTarget(
      name: "EnforcementTests",
      dependencies: [
        "NetworkModel", "PolicyLanguage", "RulesetModel", "PolicyCompiler", "LinuxKernel", "Enforcement",
      ], swiftSettings: house),
    .testTarget(
      name: "LinuxHostTests", dependencies: ["NetworkModel", "LinuxKernel", "CSys", "TestSupport"],
      swiftSettings: house),
  ]
)

if isFuzzing {
  package.targets.append(
    .executableTarget(
      name: "wgfence-fuzz",
      dependencies: [
        "NetworkModel", "PolicyLanguage", "RulesetModel", "LinuxKernel", "Enforcement", "CSys", "CNftnl",
        "TestSupport",
      ],
      path: "Tests/Fuzz", swiftSettings: house + [.unsafeFlags(["-parse-as-library"])],
      linkerSettings: [.unsafeFlags(["-sanitize=fuzzer,address"])]))
}
