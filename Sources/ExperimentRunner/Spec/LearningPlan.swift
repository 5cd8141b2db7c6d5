internal import GradientEstimation
internal import Optimization

/// Which algorithms of a spec of kind `training` fit which of its models.
struct LearningPlan {
  /// What an algorithm lacks, by model; and those that some model could be trained by.
  private var unfit: [(algorithm: Int, model: String, reason: String)] = []
  private var used: Set<Int> = []
  /// What is trained already: an algorithm does so once for each of its ingredients.
  private var seen: Set<String> = []

  /// The algorithms that a cell is to be trained by: those that fit, and have not been there with all that they take.
  ///
  /// - Parameter family: the texts of family, objective and sampling scheme.
  mutating func fitting(
    _ problem: Problem, _ model: String, family: [String], samples: Int, _ spec: ExperimentSpec
  ) -> [Int] {
    spec.modelTraining.algorithms.indices.filter { index in
      let algorithm = spec.modelTraining.algorithms[index].product
      do throws(EstimatorError) {
        try algorithm.check(problem)
      } catch {
        if !unfit.contains(where: { $0.algorithm == index && $0.model == model }) {
          unfit.append((index, model, error.description))
        }
        return false
      }
      used.insert(index)
      var key = ["\(index)", model]
      if algorithm.ingredients.contains(.family) { key += family }
      if algorithm.ingredients.contains(.samples) { key.append("\(samples)") }
      return seen.insert(key.joined(separator: "\n")).inserted
    }
  }

  /// The spec's families; where no algorithm takes one, whichever has the model's draws.
  func families(
    for model: any Integrand, _ spec: ExperimentSpec, _ registry: Registry
  ) -> [Configured<any FamilySpecification>] {
    guard spec.kind == .training, !spec.modelTraining.takes(.family) else { return spec.families }
    let fitting = registry.families.entries.lazy.compactMap { entry -> Configured<any FamilySpecification>? in
      guard let product = entry.make([]), let made = try? product.makeFamily(dimension: model.dimension),
        (try? Problem.checkSupport(of: made, for: model)) != nil
      else { return nil }
      return Configured(product: product, text: entry.about.id, path: "family", line: 0)
    }
    return fitting.first.map { [$0] } ?? spec.families
  }

  func takesEstimators(_ algorithms: [Int], _ spec: ExperimentSpec) -> Bool {
    algorithms.contains { spec.modelTraining.algorithms[$0].product.ingredients.contains(.estimator) }
  }

  /// Of algorithms that some model cannot be trained by, and another can.
  func notes(_ spec: ExperimentSpec) -> [String] {
    unfit.filter { used.contains($0.algorithm) }.map { found in
      "\(spec.modelTraining.algorithms[found.algorithm].text) is left out for '\(found.model)': it \(found.reason)"
    }
  }

  /// Of algorithms that none of the models can be trained by.
  func faults(_ spec: ExperimentSpec, _ source: SpecSource) -> [Fault] {
    unfit.filter { !used.contains($0.algorithm) }.map { found in
      let algorithm = spec.modelTraining.algorithms[found.algorithm]
      // Where the spec names no algorithm, it is the model that it gives.
      let isNamed = spec.lines["algorithm"] != nil
      return source.fault(
        isNamed ? algorithm.path : "model", line: isNamed ? algorithm.line : spec.lines["model"] ?? 0,
        "'\(algorithm.text)' \(found.reason); '\(found.model)' is none of these")
    }
  }
}
