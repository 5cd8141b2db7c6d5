internal import GradientEstimation
internal import Optimization

extension SpecReader {
  /// Reads the keys that kind `elbo` adds.
  mutating func readTraining(_ members: [String: JSONNode], _ spec: inout ExperimentSpec) {
    typealias Limit = TrainingSpec.Limit
    spec.training.optimizers = optimizers(members["optimizer"], members["learning_rate"])
    if let node = members["steps"], let steps = integer(node, "steps", Limit.steps) { spec.training.steps = steps }
    if let node = members["runs"], let runs = integer(node, "runs", Limit.runs) { spec.training.runs = runs }
    if let node = members["evaluate"] { readEvaluation(node, &spec.training) }
    if let node = members["save_parameters"] {
      checkNotEmpty(node, "save_parameters", "step")
      let steps = items(node).enumerated().compactMap { index, item -> Int? in
        let path = itemPath(node, "save_parameters", index)
        guard let step = integer(item, path, Limit.savedStep) else { return nil }
        if step > spec.training.steps, !faultyKeys.contains("steps") {
          fault(path, item, "step \(step) is beyond the run, which has \(spec.training.steps) steps")
          return nil
        }
        return step
      }
      spec.training.savedSteps = unique(
        steps.enumerated().map { ($1, String($1), itemPath(node, "save_parameters", $0), node.line) }
      ).sorted()
    }
    if let node = members["stop"] {
      spec.training.convergenceRule = convergenceRule(node)
      checkWindow(node, spec.training)
    }
    for optimizer in spec.training.optimizers where !faultyKeys.contains("steps") {
      guard let from = optimizer.product.averageFrom, from > spec.training.steps else { continue }
      let option = optimizer.optionLines["average_from"] ?? optimizer.line
      let path = isText ? optimizer.path : "\(optimizer.path).options.average_from"
      fault(
        path, JSONNode(value: .null, line: option, column: 0),
        "average_from=\(from) is beyond the run, which has \(spec.training.steps) steps")
    }
    if spec.generators.count > 1, let node = members["rng"] {
      fault(
        "rng", node, "names \(spec.generators.count) generators; kind 'elbo' takes one, since elbo.csv does not name it"
      )
    }
    if spec.points.count > 1, let node = members["at"] {
      fault("at", node, "names \(spec.points.count) points; kind 'elbo' takes one, where the optimisations start")
    }
  }

  /// The optimizers, each with every learning rate of the grid.
  mutating func optimizers(_ node: JSONNode?, _ grid: JSONNode?) -> [Configured<any Optimizer>] {
    let configured = components(node, "optimizer", registry.optimizers, fallback: "adam")
    guard let grid else { return configured }
    checkNotEmpty(grid, "learning_rate", "learning rate")
    let rates = items(grid).enumerated().compactMap { index, item -> Double? in
      switch OptionReader.read(item, as: .real(.positive), isText: isText) {
      case .success(.real(let rate)): return rate
      case .failure(let message): fault(itemPath(grid, "learning_rate", index), item, message.text)
      default: break
      }
      return nil
    }
    for optimizer in configured where optimizer.optionLines["learning_rate"] != nil {
      fault(
        "learning_rate", grid, "'\(optimizer.text)' sets a learning rate of its own: keep one of the two")
    }
    return unique(
      configured.flatMap { optimizer in
        rates.enumerated().map { index, rate in
          var product = optimizer.product
          product.stepSize.learningRate = rate
          let text = canonicalText(product)
          let item = Configured(
            product: product, text: text, path: optimizer.path, line: optimizer.line,
            optionLines: optimizer.optionLines)
          return (item, text, itemPath(grid, "learning_rate", index), grid.line)
        }
      })
  }

  private mutating func readEvaluation(_ node: JSONNode, _ training: inout TrainingSpec) {
    guard case .object = node.value else {
      training.evaluateEvery = integer(node, "evaluate", TrainingSpec.Limit.steps)
      return
    }
    guard let members = members(of: node, path: "evaluate", allowed: ["every", "draws"], what: "key") else { return }
    if let every = members["every"] {
      training.evaluateEvery = integer(every, "evaluate.every", TrainingSpec.Limit.steps)
    }
    if let draws = members["draws"],
      let count = integer(draws, "evaluate.draws", TrainingSpec.Limit.evaluationDraws)
    {
      training.evaluationDraws = count
    }
  }

  /// Two windows must fit into a run.
  private mutating func checkWindow(_ node: JSONNode, _ training: TrainingSpec) {
    guard let rule = training.convergenceRule, faultyKeys.isDisjoint(with: ["steps", "evaluate"]) else { return }
    let ascent = training.ascent(samples: 1)
    let evaluations = (training.steps - 1) / ascent.evaluateEvery + 2
    if 2 * rule.window > evaluations {
      fault(
        "stop.window", node,
        "two windows of \(rule.window) evaluations do not fit into a run of \(evaluations): evaluate more often")
    }
  }

  private mutating func convergenceRule(_ node: JSONNode) -> ConvergenceRule? {
    guard let members = members(of: node, path: "stop", allowed: ["relative_change", "window"], what: "key")
    else { return nil }
    var window = 5
    if let node = members["window"], let count = integer(node, "stop.window", TrainingSpec.Limit.window) {
      window = count
    }
    guard let node = members["relative_change"] else {
      fault("stop", node, "has no \"relative_change\": the part of the objective that counts as no change")
      return nil
    }
    switch OptionReader.read(node, as: .real(.positive), isText: isText) {
    case .success(.real(let change)): return ConvergenceRule(relativeChange: change, window: window)
    case .failure(let message): fault("stop.relative_change", node, message.text)
    default: break
    }
    return nil
  }
}
