public import GradientEstimation
internal import MarkovChains
public import Optimization
public import Randomness

/// Monte Carlo expectation maximisation: z_n of the posterior by Hamiltonian Monte Carlo, a chain for every datum that goes on
/// where it stood when the datum was last seen; then θ climbs log p_θ(x, z) at these draws, a few steps at a time. There is no q.
///
/// The step size is tuned to a stated acceptance all the while, since the posteriors move with θ. Wei and Tanner (1990); Kingma and
/// Welling (2014), appendix E: 10 leapfrog steps, 90 % accepted, 5 updates.
public struct MonteCarloEM: LearningAlgorithm {
  /// L
  public var leapfrogSteps = 10
  /// Of the posterior's chains in a step.
  public var transitions = 1
  public var acceptance = 0.9
  /// Of θ in a step.
  public var updates = 5

  public init() {}

  public static let descriptor = Descriptor<Self>(
    id: "mcem", summary: "Monte Carlo EM: θ by draws of the posterior, by Hamiltonian Monte Carlo",
    equation: "z_n ~ p_θ(z|x_n) by HMC;  θ += α N/M Σ_n ∇_θ log p_θ(x_n, z_n), several times",
    notes: [
      Note("Takes", "an optimizer. There is no q, and so no bound: measure log p(x) with evidence."),
      Note("Model", "of data with a real latent variable each, with ∇_z."),
      Note("Start", "every chain at a draw of N(0, I)."),
      Note(
        "Cost", "a step takes L transitions + 1 gradients and as many evaluations as transitions and updates, a datum."),
      Note("Memory", "z of every datum is part of a checkpoint."),
    ],
    references: [Reference("wei1990"), Reference("kingma2014", "appendix E"), Reference("hoffman2014", "section 3.2")],
    options: [
      .integer("leapfrog", \.leapfrogSteps, in: 1...10_000, "L, leapfrog steps of a transition"),
      .integer("transitions", \.transitions, in: 1...10_000, "of a datum's chain in each step"),
      .real(
        "acceptance", \.acceptance, in: RealBounds(lower: 0.01, upper: 0.99),
        "the share of proposals that the step size is tuned to be accepted with"),
      .integer("updates", \.updates, in: 1...10_000, "steps of θ at the same draws"),
    ])

  public var ingredients: Ingredients { .optimizer }

  public func check(_ problem: Problem) throws(EstimatorError) {
    _ = try problem.localModel()
    try HamiltonianMonteCarlo.check(problem)
  }

  public func makeRule(
    _ setting: LearningSetting, random: inout RandomStream
  ) throws(EstimatorError) -> any LearningRule {
    try check(setting.problem)
    guard let optimizer = setting.optimizer else { throw EstimatorError("needs an optimizer") }
    func open<O: Optimizer>(_ optimizer: O) -> any LearningRule {
      MonteCarloSteps(setting, self, optimizer, random: &random)
    }
    return open(optimizer)
  }
}

private final class MonteCarloSteps<O: Optimizer>: LearningRule {
  struct State: Codable, Sendable {
    var optimizer: O.State
    /// z of every datum to train on, one after the other.
    var positions: [Double]
    var adaptation: StepSizeAdaptation
  }

  private let initial: Problem
  private let settings: MonteCarloEM
  private let ascent: JointAscent<O>
  private var benches: [Int: Bench] = [:]
  let start: (parameters: [Double], state: State)

  /// Scratch for minibatches of one size.
  private final class Bench {
    var chains: HamiltonianMonteCarlo
    /// The data, with z of each.
    var block: DrawBlock

    init(_ problem: Problem, leapfrogSteps: Int, lanes: Int) throws(EstimatorError) {
      chains = try HamiltonianMonteCarlo(problem, lanes: lanes, leapfrogSteps: leapfrogSteps)
      let shape = problem.shape(samples: 1, lanes: lanes)
      block = DrawBlock(shape: shape, parameters: Array(repeating: 0, count: shape.parameters))
      block.draws.observations = Array(repeating: 0, count: problem.data.observationDimension * lanes)
    }
  }

  init(_ setting: LearningSetting, _ settings: MonteCarloEM, _ optimizer: O, random: inout RandomStream) {
    initial = setting.problem.initialized(random: &random)
    self.settings = settings
    let theta = (initial.model as? any LearnableModel)?.modelParameters ?? []
    ascent = JointAscent(
      optimizer, networkCount: 0, modelCount: theta.count,
      updates: setting.epochs * setting.stepsPerEpoch * settings.updates)
    var positions = [Double](repeating: 0, count: initial.data.dataCount(.training) * initial.model.dimension)
    var span = positions.mutableSpan
    random.fillNormals(&span)
    start = (
      theta,
      State(
        optimizer: ascent.initialState, positions: positions,
        adaptation: StepSizeAdaptation(initial: 0.1, acceptance: settings.acceptance))
    )
  }

  var parameterBlocks: [ParameterBlock] { initial.parameterBlocks(after: nil) }
  var dataPerStep: Int { initial.data.minibatch }
  var network: (any InferenceNetwork)? { nil }
  func problem(at parameters: [Double]) -> Problem { initial.at(parameters, after: 0) }

  func step(
    _ indices: [Int32], number: Int, parameters: inout [Double], state: inout State, streams: inout EpochStreams
  ) throws(EstimatorError) -> LearningStep {
    let lanes = indices.count, d = initial.model.dimension, data = initial.data, bench = try bench(lanes: lanes)
    var x = [Double](repeating: 0, count: data.observationDimension * lanes), span = x.mutableSpan
    data.storeObservations(of: .training, indices, random: &streams.order, into: &span)
    var z = [Double](repeating: 0, count: d * lanes)
    for (lane, n) in indices.enumerated() {
      for i in 0..<d { z[i * lanes + lane] = state.positions[Int(n) * d + i] }
    }
    try bench.chains.start(problem(at: parameters), at: z, observations: x)
    for _ in 0..<settings.transitions {
      let accepted = bench.chains.transition(
        problem(at: parameters), stepSize: state.adaptation.stepSize, random: &streams.draws)
      state.adaptation.update(acceptance: accepted)
    }
    z = bench.chains.positions
    for (lane, n) in indices.enumerated() {
      for i in 0..<d { state.positions[Int(n) * d + i] = z[i * lanes + lane] }
    }

    bench.block.draws.observations = x
    bench.block.draws.z = z
    let factor = Double(data.dataCount(.training)) / Double(lanes), ones = [Double](repeating: 1, count: lanes)
    var isFinite = true
    for update in 0..<settings.updates {
      let problem = problem(at: parameters)
      let wanted = (problem.model as? any LearnableModel)?.modelGradientQuantities ?? Quantities()
      bench.block.evaluate(wanted, of: problem)
      ascent.clear()
      ascent.addToModel(problem, weights: ones, factor: factor, of: bench.block)
      isFinite =
        ascent.update(&parameters, &state.optimizer, number: number * settings.updates + update) && isFinite
    }
    let gradients = settings.transitions * settings.leapfrogSteps + 1
    return LearningStep(
      bound: nil, evaluations: Double(settings.transitions + settings.updates) / factor,
      gradientEvaluations: Double(gradients) / factor, isFinite: isFinite)
  }

  private func bench(lanes: Int) throws(EstimatorError) -> Bench {
    if let known = benches[lanes] { return known }
    let made = try Bench(initial, leapfrogSteps: settings.leapfrogSteps, lanes: lanes)
    benches[lanes] = made
    return made
  }

  /// There is no q to bound by; what is exact is told.
  func bounds(at parameters: [Double], random: inout RandomStream) -> LearningBounds {
    LearningBounds(
      logEvidence: (problem(at: parameters).model as? any ExactLikelihoodModel)?.logLikelihood(of: .training))
  }
}
