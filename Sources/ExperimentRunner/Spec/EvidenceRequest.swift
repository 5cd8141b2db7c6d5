package import GradientEstimation

/// What a spec asks for of estimates of log p(x).
package struct EvidenceRequest: Sendable {
  package var estimators: [Configured<any EvidenceEstimator>] = []
  /// K, each tried with every estimator. Of kind `training` alone: kind `evaluation` has `samples`.
  package var samples: [Int] = [1000]
  /// The first so many data of each part; of a model of one z so many repetitions.
  package var data = 100
  /// Of kind `training`: the epochs after which; nil for the last.
  package var epochs: [Int]?

  package init() {}

  /// Whether some estimator draws from q.
  var takesFamily: Bool { estimators.contains { $0.product.usesFamily } }

  package enum Limit {
    package static let data = 1...1_000_000
  }

  /// As the manifest gives it.
  var members: [(key: String, value: JSONOutput)] {
    [
      (key: "estimators", value: .array(estimators.map { .string($0.text) })),
      (key: "samples", value: .array(samples.map { .integer($0) })), (key: "data", value: .integer(data)),
      (key: "epochs", value: epochs.map { .array($0.map { .integer($0) }) } ?? .null),
    ]
  }
}
