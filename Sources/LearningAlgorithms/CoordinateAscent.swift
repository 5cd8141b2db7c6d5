public import GradientEstimation
public import Optimization
public import Randomness

/// Coordinate ascent variational inference: each factor of a mean-field q in turn at its optimum given the others,
///
///     q_j ∝ exp E_{q_{−j}} log p(x, z)
///
/// A sweep is an epoch, and the bound is exact. Bishop (2006), equation (10.9); Blei, Kucukelbir and McAuliffe (2017),
/// algorithm 1.
public struct CoordinateAscent: LearningAlgorithm {
  public init() {}

  public static let descriptor = Descriptor<Self>(
    id: "cavi",
    summary: "coordinate ascent variational inference: each factor of a mean-field q in turn at its optimum",
    equation: "q_j ∝ exp E_{q_{−j}} log p(x, z)",
    notes: [
      Note("Takes", "nothing beside the model: q is the model's own mean-field approximation, and no number is drawn."),
      Note("Model", "one of conditionally conjugate factors."),
      Note("Bound", "exact; it rises with every sweep."),
    ],
    references: [Reference("bishop2006", "equation (10.9)"), Reference("blei2017", "algorithm 1")])

  public var ingredients: Ingredients { [] }

  public func check(_ problem: Problem) throws(EstimatorError) { _ = try model(problem) }

  private func model(_ problem: Problem) throws(EstimatorError) -> any CoordinateAscentModel {
    guard let model = problem.model as? any CoordinateAscentModel else {
      throw EstimatorError("needs a model whose factors have their optima in closed form, such as 'ising'")
    }
    return model
  }

  public func makeRule(
    _ setting: LearningSetting, random: inout RandomStream
  ) throws(EstimatorError) -> any LearningRule {
    CoordinateSweeps(setting.problem, try model(setting.problem), random: &random)
  }
}

private final class CoordinateSweeps: LearningRule {
  private let problem: Problem
  private let model: any CoordinateAscentModel
  let start: (parameters: [Double], state: Nothing)

  init(_ problem: Problem, _ model: any CoordinateAscentModel, random: inout RandomStream) {
    (self.problem, self.model) = (problem, model)
    start = (model.initialFactors(random: &random), Nothing())
  }

  var parameterBlocks: [ParameterBlock] { model.factorBlocks }
  var dataPerStep: Int { problem.data.dataCount(.training) }
  var network: (any InferenceNetwork)? { nil }
  func problem(at parameters: [Double]) -> Problem { problem }

  func step(
    _ indices: [Int32], number: Int, parameters: inout [Double], state: inout Nothing, streams: inout EpochStreams
  ) -> LearningStep {
    let before = model.bound(parameters)
    model.sweep(&parameters)
    return LearningStep(bound: before, evaluations: 1)
  }

  func bounds(at parameters: [Double], random: inout RandomStream) -> LearningBounds {
    let bound = model.bound(parameters)
    return LearningBounds(
      train: DatumBound(value: bound, mcse: 0), exact: bound, logEvidence: model.logEvidence)
  }
}

/// The state of a rule that remembers nothing.
struct Nothing: Codable, Hashable, Sendable {}
