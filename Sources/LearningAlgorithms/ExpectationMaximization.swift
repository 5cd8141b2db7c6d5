public import GradientEstimation
public import Optimization
public import Randomness

/// Expectation maximisation, exact: q_n = p_θ(z_n | x_n), then θ = argmax Σ_n E_{q_n} log p_θ(x_n, z_n), of all data. An iteration
/// is an epoch, and the likelihood rises with each. Dempster, Laird and Rubin (1977).
public struct ExpectationMaximization: LearningAlgorithm {
  public init() {}

  public static let descriptor = Descriptor<Self>(
    id: "em", summary: "expectation maximisation, both steps exact: the likelihood rises with every iteration",
    equation: "θ ← argmax_θ' Σ_n E_{p_θ(z|x_n)} log p_θ'(x_n, z)",
    notes: [
      Note("Takes", "nothing beside the model: no number is drawn after its start."),
      Note("Model", "linear-vae (probabilistic PCA), factor-analysis, mixture."),
      Note("Bound", "the log likelihood itself, exact."),
    ],
    references: [
      Reference("dempster1977"), Reference("rubin1982"), Reference("tipping1999", "appendix B"),
    ])

  public var ingredients: Ingredients { [] }

  public func check(_ problem: Problem) throws(EstimatorError) { _ = try problem.closedFormModel() }

  public func makeRule(
    _ setting: LearningSetting, random: inout RandomStream
  ) throws(EstimatorError) -> any LearningRule {
    try check(setting.problem)
    return ClosedFormIterations(setting.problem, .exact, random: &random)
  }
}

/// Variational expectation maximisation: the E-step takes the best q_n that factorises over the coordinates of z_n instead of
/// the posterior. The bound rises with every iteration. Neal and Hinton (1998); Bishop (2006), section 10.1.
public struct VariationalEM: LearningAlgorithm {
  public init() {}

  public static let descriptor = Descriptor<Self>(
    id: "variational-em",
    summary: "variational expectation maximisation: the best factorised q for every datum, then θ in closed form",
    equation: "q_n = argmin_{q = Π_d q_d} KL(q ‖ p_θ(z|x_n)),  θ ← argmax_θ' Σ_n E_{q_n} log p_θ'(x_n, z)",
    notes: [
      Note("Takes", "nothing beside the model: no number is drawn after its start."),
      Note("Model", "linear-vae (probabilistic PCA), factor-analysis, mixture."),
      Note("Bound", "exact; it rises with every iteration, and log_evidence is the likelihood that it is below."),
    ],
    references: [Reference("neal1998"), Reference("bishop2006", "section 10.1")])

  public var ingredients: Ingredients { [] }

  public func check(_ problem: Problem) throws(EstimatorError) { _ = try problem.closedFormModel() }

  public func makeRule(
    _ setting: LearningSetting, random: inout RandomStream
  ) throws(EstimatorError) -> any LearningRule {
    try check(setting.problem)
    return ClosedFormIterations(setting.problem, .factorized, random: &random)
  }
}

extension Problem {
  fileprivate func closedFormModel() throws(EstimatorError) -> any ExpectationMaximizationModel {
    guard let model = model as? any ExpectationMaximizationModel else {
      throw EstimatorError(
        "needs a model whose E- and M-steps are known in closed form: 'linear-vae', 'factor-analysis' or 'mixture'")
    }
    guard !model.observationsAreDrawn else {
      throw EstimatorError("needs data that stay as they are, and binarize=dynamic draws them anew")
    }
    return model
  }
}

private final class ClosedFormIterations: LearningRule {
  private let initial: Problem
  private let inference: LocalInference
  let start: (parameters: [Double], state: Nothing)

  init(_ problem: Problem, _ inference: LocalInference, random: inout RandomStream) {
    initial = problem.initialized(random: &random)
    self.inference = inference
    start = ((initial.model as? any LearnableModel)?.modelParameters ?? [], Nothing())
  }

  var parameterBlocks: [ParameterBlock] { (initial.model as? any LearnableModel)?.modelParameterBlocks ?? [] }
  var dataPerStep: Int { initial.data.dataCount(.training) }
  var network: (any InferenceNetwork)? { nil }
  func problem(at parameters: [Double]) -> Problem { initial.at(parameters, after: 0) }

  func step(
    _ indices: [Int32], number: Int, parameters: inout [Double], state: inout Nothing, streams: inout EpochStreams
  ) -> LearningStep {
    guard let model = problem(at: parameters).model as? any ExpectationMaximizationModel,
      let (next, bound) = Self.iterated(model, inference)
    else { return LearningStep(bound: nil, evaluations: 1, isFinite: false) }
    parameters = next
    return LearningStep(bound: bound, evaluations: 1)
  }

  private static func iterated<M: ExpectationMaximizationModel>(
    _ model: M, _ inference: LocalInference
  ) -> (parameters: [Double], bound: Double)? {
    model.maximized(inference).map { ($0.model.modelParameters, $0.bound) }
  }

  func bounds(at parameters: [Double], random: inout RandomStream) -> LearningBounds {
    guard let model = problem(at: parameters).model as? any ExpectationMaximizationModel else {
      return LearningBounds()
    }
    func bound(_ part: DataPart) -> DatumBound? {
      model.bound(inference, of: part).map { DatumBound(value: $0, mcse: 0) }
    }
    let train = bound(.training)
    return LearningBounds(
      train: train, test: bound(.test), exact: train?.value, logEvidence: model.logLikelihood(of: .training))
  }
}
