// swift-tools-version: 6.2
import PackageDescription

// `swift run` builds debug. The targets that do arithmetic are optimised there too, so that a debug build is
// usable; Makefile's release build is what the benchmarks measure.
let strict: [SwiftSetting] = [
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("InternalImportsByDefault"),
]
let numeric: [SwiftSetting] = strict + [.unsafeFlags(["-O"], .when(configuration: .debug))]

let package = Package(
  name: "workbench",
  platforms: [.macOS(.v26)],
  products: [
    .executable(name: "workbench", targets: ["workbench"]),
    .library(name: "GradientEstimation", targets: ["GradientEstimation"]),
    .library(name: "EstimatorStatistics", targets: ["EstimatorStatistics"]),
    .library(name: "Randomness", targets: ["Randomness"]),
    .library(name: "Optimization", targets: ["Optimization"]),
    .library(name: "EstimatorConformance", targets: ["EstimatorConformance"]),
    .library(name: "Workbench", targets: ["WorkbenchCLI"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/swiftcsv/SwiftCSV", from: "0.10.0"),
  ],
  targets: [
    .systemLibrary(
      name: "CGSL", pkgConfig: "gsl", providers: [.apt(["libgsl-dev"]), .brew(["gsl"])]),
    .systemLibrary(
      name: "COpenBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev"]), .brew(["openblas"])]),
    .systemLibrary(
      name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"]), .brew(["zlib"])]),
    .target(
      name: "CKernels", dependencies: ["CGSL"],
      cSettings: [.unsafeFlags(["-O3", "-ffp-contract=off", "-fno-math-errno"])]),
    .target(
      name: "ShippedData",
      exclude: [
        "README.md", "breast-cancer.csv", "diabetes.csv", "digits.csv", "iris.csv", "warpbreaks.csv", "wine.csv",
      ],
      cSettings: [.unsafeFlags(["-std=c23"])]),

    .target(name: "Randomness", dependencies: ["CGSL", "CKernels"], swiftSettings: numeric),
    .target(
      name: "NeuralNetworks", dependencies: ["CKernels", "COpenBLAS", "Randomness"], swiftSettings: numeric),
    .target(name: "GradientEstimation", dependencies: ["CKernels", "Randomness"], swiftSettings: numeric),
    .target(name: "EstimatorStatistics", dependencies: ["CGSL", "CKernels"], swiftSettings: numeric),
    .target(
      name: "VariationalFamilies",
      dependencies: ["CGSL", "CKernels", "EstimatorStatistics", "GradientEstimation", "Randomness"],
      swiftSettings: numeric),
    .target(
      name: "LatentModels",
      dependencies: [
        "CGSL", "CKernels", "CZlib", "GradientEstimation", "NeuralNetworks", "Randomness", "ShippedData",
        .product(name: "SwiftCSV", package: "SwiftCSV"),
      ], swiftSettings: numeric),
    .target(
      name: "Estimators", dependencies: ["GradientEstimation", "Randomness"], swiftSettings: numeric),
    .target(
      name: "SamplingSchemes", dependencies: ["GradientEstimation", "Randomness"], swiftSettings: numeric),
    .target(
      name: "Optimization", dependencies: ["CGSL", "CKernels", "GradientEstimation", "Randomness"],
      swiftSettings: numeric),
    .target(
      name: "MarkovChains", dependencies: ["CKernels", "GradientEstimation", "Randomness"], swiftSettings: numeric),
    .target(
      name: "LearningAlgorithms",
      dependencies: ["CKernels", "GradientEstimation", "MarkovChains", "Optimization", "Randomness"],
      swiftSettings: numeric),
    .target(
      name: "EvidenceEstimation",
      dependencies: ["CKernels", "EstimatorStatistics", "GradientEstimation", "MarkovChains", "Randomness"],
      swiftSettings: numeric),
    .target(
      name: "ExperimentRunner",
      dependencies: [
        "CKernels", "EstimatorStatistics", "GradientEstimation", "NeuralNetworks", "Optimization", "Randomness",
        .product(name: "SwiftCSV", package: "SwiftCSV"),
      ], swiftSettings: numeric),
    .target(
      name: "EstimatorConformance",
      dependencies: ["EstimatorStatistics", "ExperimentRunner", "GradientEstimation", "Randomness"],
      swiftSettings: numeric),
    .target(
      name: "WorkbenchCLI",
      dependencies: [
        "EstimatorConformance", "Estimators", "EvidenceEstimation", "ExperimentRunner", "GradientEstimation",
        "LatentModels",
        "LearningAlgorithms",
        "Optimization", "Randomness", "SamplingSchemes", "ShippedData", "VariationalFamilies",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ], swiftSettings: strict),
    .executableTarget(name: "workbench", dependencies: ["WorkbenchCLI"], swiftSettings: strict),

    .target(
      name: "CKernelVariants", dependencies: ["CGSL", "CKernels"], path: "Tests/CKernelVariants",
      cSettings: [.unsafeFlags(["-O3", "-ffp-contract=off", "-fno-math-errno"])]),
    .testTarget(
      name: "CKernelsTests", dependencies: ["CGSL", "CKernelVariants", "CKernels"], swiftSettings: numeric),
    .testTarget(name: "RandomnessTests", dependencies: ["CGSL", "CKernels", "Randomness"], swiftSettings: numeric),
    .testTarget(
      name: "NeuralNetworksTests", dependencies: ["CKernels", "NeuralNetworks", "Randomness"], swiftSettings: numeric),
    .testTarget(
      name: "GradientEstimationTests", dependencies: ["GradientEstimation", "Randomness"], swiftSettings: numeric),
    .testTarget(
      name: "EstimatorStatisticsTests", dependencies: ["CGSL", "EstimatorStatistics", "Randomness"],
      swiftSettings: numeric),
    .testTarget(
      name: "VariationalFamiliesTests",
      dependencies: ["GradientEstimation", "Randomness", "SamplingSchemes", "VariationalFamilies"],
      swiftSettings: numeric),
    .testTarget(
      name: "LatentModelsTests",
      dependencies: [
        "CGSL", "CKernels", "CZlib", "GradientEstimation", "LatentModels", "Randomness", "VariationalFamilies",
      ],
      swiftSettings: numeric),
    .testTarget(
      name: "EstimatorsTests",
      dependencies: [
        "CGSL", "CKernels", "EstimatorConformance", "EstimatorStatistics", "Estimators", "ExperimentRunner",
        "GradientEstimation",
        "LatentModels", "Optimization", "Randomness", "VariationalFamilies", "WorkbenchCLI",
      ], swiftSettings: numeric),
    .testTarget(
      name: "LearningAlgorithmsTests",
      dependencies: [
        "Estimators", "ExperimentRunner", "GradientEstimation", "LatentModels", "LearningAlgorithms", "Optimization",
        "Randomness", "VariationalFamilies", "WorkbenchCLI",
      ], swiftSettings: numeric),
    .testTarget(
      name: "SamplingSchemesTests", dependencies: ["GradientEstimation", "Randomness", "SamplingSchemes"],
      swiftSettings: numeric),
    .testTarget(
      name: "OptimizationTests",
      dependencies: [
        "Estimators", "GradientEstimation", "LatentModels", "Optimization", "Randomness", "SamplingSchemes",
        "VariationalFamilies",
      ],
      swiftSettings: numeric),
    .testTarget(
      name: "MarkovChainsTests",
      dependencies: [
        "CKernels", "GradientEstimation", "LatentModels", "MarkovChains", "Randomness", "VariationalFamilies",
      ], swiftSettings: numeric),
    .testTarget(
      name: "EvidenceEstimationTests",
      dependencies: [
        "EstimatorStatistics", "EvidenceEstimation", "GradientEstimation", "LatentModels", "Randomness",
        "VariationalFamilies",
      ], swiftSettings: numeric),
    .testTarget(
      name: "ExperimentRunnerTests",
      dependencies: [
        "EstimatorStatistics", "ExperimentRunner", "GradientEstimation", "Optimization", "Randomness", "WorkbenchCLI",
      ], swiftSettings: numeric),
    .testTarget(
      name: "EstimatorConformanceTests",
      dependencies: [
        "EstimatorConformance", "EstimatorStatistics", "Estimators", "ExperimentRunner", "GradientEstimation",
        "Randomness", "WorkbenchCLI",
      ], swiftSettings: numeric),
    .testTarget(
      name: "WorkbenchCLITests",
      dependencies: ["ExperimentRunner", "GradientEstimation", "Randomness", "WorkbenchCLI", "workbench"],
      swiftSettings: strict),
  ]
)
