// swift-tools-version: 6.2
import PackageDescription

// Measurements of the workbench itself. They take minutes, so they are no part of the tests.
let package = Package(
  name: "benchmarks",
  platforms: [.macOS(.v26)],
  dependencies: [.package(name: "workbench", path: "..")],
  targets: [
    .executableTarget(
      name: "random-bytes", dependencies: [.product(name: "Randomness", package: "workbench")],
      swiftSettings: [
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .enableUpcomingFeature("InternalImportsByDefault"),
      ]),
    .executableTarget(
      name: "normal-generation", dependencies: [.product(name: "Randomness", package: "workbench")],
      swiftSettings: [
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .enableUpcomingFeature("InternalImportsByDefault"),
      ]),
    .executableTarget(
      name: "interval-coverage",
      dependencies: [
        .product(name: "EstimatorStatistics", package: "workbench"),
        .product(name: "Randomness", package: "workbench"),
      ],
      swiftSettings: [
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .enableUpcomingFeature("InternalImportsByDefault"),
      ]),
  ]
)
