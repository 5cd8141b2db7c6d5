internal import GradientEstimation
internal import Optimization
internal import Randomness

/// Ascent of an objective in φ and θ by an estimator of gradients in λ: what auto-encoding variational Bayes does with an
/// encoder, and stochastic variational inference with free parameters.
///
/// A step takes M data, makes λ_n = f_φ(x_n) of each, draws from q_{λ_n}, estimates ∇_{λ_n} of each datum's objective, a lane a
/// datum, and pulls it back to φ; θ follows the weights of the objective itself. Both are those of all N data,
///
///     N/M Σ_{n in the minibatch} (∂λ_n/∂φ)ᵀ ĝ_n,   N/M Σ_n Σ_k φ_k ∇_θ log p_θ(x_n, z_k)
///
/// and one optimizer takes the two together. Kingma and Welling (2014), algorithm 1 and equation (8).
final class AutoEncoding<E: GradientEstimator, O: Optimizer>: LearningRule {
  struct State: Codable, Sendable {
    var estimator: E.State
    var optimizer: O.State
  }

  private let setting: LearningSetting
  private let initial: Problem
  private let inference: any InferenceNetwork
  private let estimator: E
  private let quantities: Quantities
  private let cost: (evaluations: Double, gradients: Double)
  private let ascent: JointAscent<O>
  private var benches: [Int: Bench] = [:]
  let start: (parameters: [Double], state: State)

  var network: (any InferenceNetwork)? { inference }
  var dataPerStep: Int { initial.data.minibatch }
  var parameterBlocks: [ParameterBlock] { initial.parameterBlocks(after: inference) }

  /// Scratch for minibatches of one size.
  private final class Bench {
    var amortized: AmortizedBlock
    var gradients: [Double]
    var workspace: E.Workspace

    init(_ amortized: consuming AmortizedBlock, _ gradients: [Double], _ workspace: E.Workspace) {
      self.amortized = amortized
      self.gradients = gradients
      self.workspace = workspace
    }
  }

  init(
    _ setting: LearningSetting, _ network: any InferenceNetwork, _ estimator: E, _ optimizer: O,
    random: inout RandomStream
  ) throws(EstimatorError) {
    let problem = setting.problem
    let requirements = try AutoEncoding.requirements(estimator, setting)
    let phi = network.initialParameters(random: &random)
    let initialized = problem.initialized(random: &random)
    let theta = problem.modelParameterCount > 0 ? (initialized.model as? any LearnableModel)?.modelParameters ?? [] : []
    let objective = problem.multiSample == nil ? Quantities(values: problem.terms) : .bounds(of: problem.terms)
    self.setting = setting
    self.estimator = estimator
    initial = initialized
    inference = network
    quantities = requirements.quantities.union(problem.modelGradientQuantities).union(objective)
    cost = (
      requirements.evaluations + requirements.learningEvaluations,
      requirements.gradientEvaluations + requirements.learningGradientEvaluations
    )
    ascent = JointAscent(
      optimizer, networkCount: phi.count, modelCount: theta.count, updates: setting.epochs * setting.stepsPerEpoch)
    start = (
      phi + theta,
      State(
        estimator: estimator.initialState(for: initialized, parameters: problem.family.initialParameters),
        optimizer: ascent.initialState)
    )
  }

  /// - Throws: `EstimatorError` where the estimator cannot serve the problem.
  static func requirements(_ estimator: E, _ setting: LearningSetting) throws(EstimatorError) -> Requirements {
    let found = try estimator.requirements(samples: setting.samples, of: setting.problem)
    try setting.problem.checkDraws(samples: setting.samples, for: found)
    return found.counted(for: setting.problem)
  }

  func problem(at parameters: [Double]) -> Problem { initial.at(parameters, after: inference.parameterCount) }

  func step(
    _ indices: [Int32], number: Int, parameters: inout [Double], state: inout State, streams: inout EpochStreams
  ) throws(EstimatorError) -> LearningStep {
    let bench = try bench(lanes: indices.count), problem = problem(at: parameters)
    bench.amortized.take(indices, of: .training, parameters: parameters, random: &streams.order)
    bench.amortized.block.sample(problem, random: &streams.draws)
    bench.amortized.block.evaluate(quantities, of: problem)
    estimate(problem, bench, &state.estimator, &streams.estimator)

    // Ascent of the mean over the data, times N: descent where the objective is made small.
    let factor = Double(problem.data.dataCount(.training)) / Double(indices.count) * (problem.isMinimized ? -1 : 1)
    ascent.clear()
    ascent.addToNetwork(bench.gradients, factor: factor, parameters: parameters, through: &bench.amortized)
    ascent.addToModel(problem, factor: factor, of: bench.amortized.block)
    let bounds =
      problem.multiSample == nil
      ? bench.amortized.block.meanValues(of: problem.terms) : bench.amortized.block.evaluation.bounds
    let isFinite = ascent.update(&parameters, &state.optimizer, number: number)
    return LearningStep(
      bound: bounds.reduce(0, +) / Double(bounds.count), evaluations: cost.evaluations,
      gradientEvaluations: cost.gradients, isFinite: isFinite)
  }

  /// One estimate a datum, and what is learned from its draws for the next step.
  private func estimate(_ problem: Problem, _ bench: Bench, _ state: inout E.State, _ random: inout RandomStream) {
    bench.gradients.withUnsafeMutableBufferPointer { $0.update(repeating: 0) }
    var span = bench.gradients.mutableSpan
    estimator.estimate(
      problem, bench.amortized.block, state: state, random: &random, workspace: &bench.workspace, into: &span)
    estimator.adapt(&state, problem: problem, block: bench.amortized.block, workspace: &bench.workspace)
  }

  private func bench(lanes: Int) throws(EstimatorError) -> Bench {
    if let known = benches[lanes] { return known }
    let amortized = AmortizedBlock(initial, inference, samples: setting.samples, lanes: lanes)
    let shape = initial.shape(samples: setting.samples, lanes: lanes)
    let workspace = try estimator.makeWorkspace(for: initial, shape: shape)
    let made = Bench(amortized, Array(repeating: 0, count: shape.parameters * lanes), workspace)
    benches[lanes] = made
    return made
  }

  func bounds(at parameters: [Double], random: inout RandomStream) -> LearningBounds {
    setting.bounds(problem(at: parameters), inference, parameters: parameters, random: &random)
  }
}

extension LearningSetting {
  /// The objective of q on both parts of the data, and what is exact of it.
  func bounds(
    _ problem: Problem, _ network: any InferenceNetwork, parameters: [Double], random: inout RandomStream
  ) -> LearningBounds {
    let phi = Array(parameters[..<network.parameterCount])
    func bound(_ part: DataPart, _ random: inout RandomStream) -> DatumBound? {
      DatumBound.estimate(
        problem, network, parameters: phi, part: part, samples: samples, draws: evaluationDraws, random: &random)
    }
    let train = bound(.training, &random), test = bound(.test, &random)
    let exact = DatumBound.exact(problem, network, parameters: phi, random: &random)
    return LearningBounds(train: train, test: test, exact: exact.bound, logEvidence: exact.logEvidence)
  }

  /// Opens estimator and optimizer.
  func makeAutoEncoding(
    _ network: any InferenceNetwork, random: inout RandomStream
  ) throws(EstimatorError) -> any LearningRule {
    guard let estimator, let optimizer else { throw EstimatorError("needs an estimator and an optimizer") }
    func open<E: GradientEstimator, O: Optimizer>(
      _ estimator: E, _ optimizer: O
    ) throws(EstimatorError) -> any LearningRule {
      try AutoEncoding(self, network, estimator, optimizer, random: &random)
    }
    return try open(estimator, optimizer)
  }
}
