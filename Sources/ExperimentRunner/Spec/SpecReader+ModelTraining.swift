internal import GradientEstimation
internal import Optimization

extension SpecReader {
  /// Reads the keys that kind `training` adds.
  mutating func readModelTraining(_ members: [String: JSONNode], _ spec: inout ExperimentSpec) {
    typealias Limit = ModelTrainingSpec.Limit
    spec.modelTraining.algorithms = components(
      members["algorithm"], "algorithm", registry.algorithms, fallback: "aevb")
    checkIngredients(members, spec)
    spec.modelTraining.optimizers = optimizers(members["optimizer"], members["learning_rate"])
    if let node = members["epochs"], let epochs = integer(node, "epochs", Limit.epochs) {
      spec.modelTraining.epochs = epochs
    }
    if let node = members["runs"], let runs = integer(node, "runs", TrainingSpec.Limit.runs) {
      spec.modelTraining.runs = runs
    }
    if let node = members["evaluate"] { readBoundEvaluation(node, &spec.modelTraining) }
    if let node = members["save_parameters"] {
      checkNotEmpty(node, "save_parameters", "epoch")
      spec.modelTraining.savedEpochs = epochs(node, "save_parameters", spec.modelTraining)
    }
    if let node = members["evidence"] { readEvidence(node, &spec.modelTraining) }
    if let node = members["outputs"] { readOutputs(node, &spec.modelTraining) }
    for optimizer in spec.modelTraining.optimizers where optimizer.product.averageFrom != nil {
      let option = optimizer.optionLines["average_from"] ?? optimizer.line
      fault(
        isText ? optimizer.path : "\(optimizer.path).options.average_from",
        JSONNode(value: .null, line: option, column: 0), "has no effect in kind 'training'; leave it out")
    }
    if spec.generators.count > 1, let node = members["rng"] {
      fault(
        "rng", node,
        "names \(spec.generators.count) generators; kind 'training' takes one, since training.csv does not name it")
    }
  }

  /// What no algorithm takes has no place in the spec.
  private mutating func checkIngredients(_ members: [String: JSONNode], _ spec: ExperimentSpec) {
    guard !faultyKeys.contains("algorithm") else { return }
    let owners: [(Ingredients, [String])] = [
      (.family, ["family", "objective", "sampling"]), (.estimator, ["estimators"]),
      (.optimizer, ["optimizer", "learning_rate"]), (.samples, ["samples"]),
    ]
    let texts = spec.modelTraining.algorithms.map { "'\($0.text)'" }.joined(separator: " and ")
    for (ingredient, keys) in owners where !spec.modelTraining.takes(ingredient) {
      for key in keys {
        guard let node = members[key] else { continue }
        fault(
          key, node,
          "has no effect: \(texts) \(spec.modelTraining.algorithms.count == 1 ? "takes" : "take") none; leave it out")
      }
    }
  }

  private mutating func readBoundEvaluation(_ node: JSONNode, _ training: inout ModelTrainingSpec) {
    guard let members = members(of: node, path: "evaluate", allowed: ["every", "draws"], what: "key") else { return }
    if let every = members["every"], let count = integer(every, "evaluate.every", ModelTrainingSpec.Limit.epochs) {
      training.evaluateEvery = count
    }
    if let draws = members["draws"],
      let count = integer(draws, "evaluate.draws", ModelTrainingSpec.Limit.evaluationDraws)
    {
      training.evaluationDraws = count
    }
  }

  /// Epochs of the run, in order, each once.
  mutating func epochs(_ node: JSONNode, _ path: String, _ training: ModelTrainingSpec) -> [Int] {
    let found = items(node).enumerated().compactMap { index, item -> Int? in
      let itemPath = itemPath(node, path, index)
      guard let epoch = integer(item, itemPath, ModelTrainingSpec.Limit.savedEpoch) else { return nil }
      if epoch > training.epochs, !faultyKeys.contains("epochs") {
        fault(itemPath, item, "epoch \(epoch) is beyond the run, which has \(training.epochs) epochs")
        return nil
      }
      return epoch
    }
    return unique(found.enumerated().map { ($1, String($1), itemPath(node, path, $0), node.line) }).sorted()
  }

  private mutating func readOutputs(_ node: JSONNode, _ training: inout ModelTrainingSpec) {
    let keys = ["epochs", "manifold", "reconstruction", "samples", "imputation"]
    guard let members = members(of: node, path: "outputs", allowed: keys, what: "key") else { return }
    if let node = members["epochs"] { training.outputs.epochs = epochs(node, "outputs.epochs", training) }
    let counts: [(String, WritableKeyPath<ModelTrainingSpec, Int>)] = [
      ("manifold", \.outputs.manifold), ("reconstruction", \.outputs.reconstruction), ("samples", \.outputs.samples),
      ("imputation", \.outputs.imputation),
    ]
    for (key, path) in counts {
      guard let node = members[key], let count = integer(node, "outputs.\(key)", ModelTrainingSpec.Limit.count)
      else { continue }
      training[keyPath: path] = count
    }
  }
}
