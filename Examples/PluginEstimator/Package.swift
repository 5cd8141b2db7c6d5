// swift-tools-version: 6.2
import PackageDescription

let package = Package(
  name: "plugin-estimator",
  platforms: [.macOS(.v26)],
  dependencies: [.package(name: "workbench", path: "../..")],
  targets: [
    .target(
      name: "Plugin",
      dependencies: [
        .product(name: "GradientEstimation", package: "workbench"),
        .product(name: "Randomness", package: "workbench"),
        .product(name: "Workbench", package: "workbench"),
      ],
      // Without optimisation in a debug build an estimator's loops take twenty times as long.
      swiftSettings: [.unsafeFlags(["-O"], .when(configuration: .debug))]),
    .executableTarget(
      name: "plugin-workbench", dependencies: ["Plugin", .product(name: "Workbench", package: "workbench")]),
    .testTarget(
      name: "PluginTests",
      dependencies: [
        "Plugin", .product(name: "EstimatorConformance", package: "workbench"),
        .product(name: "Workbench", package: "workbench"),
      ]),
  ]
)
