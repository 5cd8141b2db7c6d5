package import Optimization

/// What a spec of kind `training` asks for beside the problem and the estimators.
package struct ModelTrainingSpec: Sendable {
  package var algorithms: [Configured<any LearningAlgorithm>] = []
  package var optimizers: [Configured<any Optimizer>] = []
  /// Passes over the data.
  package var epochs = 50
  /// Trainings of each kind, with streams and initial weights of their own.
  package var runs = 1
  /// Epochs between evaluations of the bounds.
  package var evaluateEvery = 1
  /// Estimates of a datum's bound.
  package var evaluationDraws = 2
  /// Epochs after which parameters are written.
  package var savedEpochs: [Int] = []
  package var outputs = Outputs()
  /// What is estimated of log p(x) along the way.
  package var evidence = EvidenceRequest()

  package init() {}

  /// What is written for pictures, of the first run.
  package struct Outputs: Hashable, Sendable {
    /// Epochs after which, and where there are none nothing is; nil for the last.
    package var epochs: [Int]?
    /// Points a side of the decoder's grid over two latents.
    package var manifold = 20
    /// Test data that are reconstructed.
    package var reconstruction = 10
    /// Draws of p(x).
    package var samples = 100
    /// Test data whose lower half is filled in.
    package var imputation = 10

    package init() {}
  }

  /// Limits that are stated in the schema and in messages.
  package enum Limit {
    package static let epochs = 1...1_000_000
    package static let evaluationDraws = 2...1_000_000
    package static let savedEpoch = 0...1_000_000
    package static let count = 0...1000
  }

  /// Epochs after which log p(x) is estimated.
  package var evidenceEpochs: [Int] { evidence.estimators.isEmpty ? [] : evidence.epochs ?? [epochs] }
  /// Epochs after which pictures are made.
  package var pictureEpochs: [Int] { outputs.epochs ?? [epochs] }

  var schedule: LearningSchedule {
    LearningSchedule(
      epochs: epochs, evaluateEvery: evaluateEvery, keptEpochs: Set(savedEpochs + pictureEpochs + evidenceEpochs))
  }

  /// Whether some algorithm is made of that.
  func takes(_ ingredient: Ingredients) -> Bool {
    algorithms.contains { $0.product.ingredients.contains(ingredient) }
  }

  /// As the manifest gives it.
  var manifestMembers: [(key: String, value: JSONOutput)] {
    [
      (key: "algorithms", value: .array(algorithms.map { .string($0.text) })),
      (key: "optimizers", value: .array(optimizers.map { .string($0.text) })), (key: "epochs", value: .integer(epochs)),
      (key: "runs", value: .integer(runs)),
      (
        key: "evaluate",
        value: .object([
          (key: "every", value: .integer(evaluateEvery)), (key: "draws", value: .integer(evaluationDraws)),
        ])
      ), (key: "save_parameters", value: .array(savedEpochs.map { .integer($0) })),
      (
        key: "outputs",
        value: .object([
          (key: "epochs", value: .array(pictureEpochs.map { .integer($0) })),
          (key: "manifold", value: .integer(outputs.manifold)),
          (key: "reconstruction", value: .integer(outputs.reconstruction)),
          (key: "samples", value: .integer(outputs.samples)), (key: "imputation", value: .integer(outputs.imputation)),
        ])
      ),
    ] + (evidence.estimators.isEmpty ? [] : [(key: "evidence", value: .object(evidence.members))])
  }
}
