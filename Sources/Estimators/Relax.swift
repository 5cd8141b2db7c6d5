public import GradientEstimation
public import Randomness

/// RELAX: the score-function estimator with a learned surrogate as its control variate,
///
///     ĝ = (1/K) Σ_k [f(z_k) − c(x̃_k)] ∇_λ log q(z_k) + ∇_λ c(x_k) − ∇_λ c(x̃_k)
///
///     c(x) = η f(x) + ρ_0 + Σ_d ρ_d x_d + ρ'_d x_d²
///
/// x relaxes z at a temperature τ, x̃ is of noise drawn again given z, and moves with λ while z and that noise stay. c is linear
/// in what is learned, so that the coefficients of least total variance solve a regression; τ descends on it. ρ_0 is a
/// baseline.
///
/// - Requires: as `concrete`.
/// - Bias: none: c does not see the draws that it is used with.
/// - Cost: 2K evaluations and 2K gradient evaluations. Learning τ takes another 2K and 4K.
/// - Reference: Grathwohl et al. (2018), sections 3 and 3.2, with a quadratic where they have a network.
public struct Relax: GradientEstimator {
  /// Where τ starts.
  public var temperature = 0.5

  public init() {}
  public init(temperature: Double) { self.temperature = temperature }

  /// A batch costs D³ operations a lane.
  static let largestDimension = 32

  public static let descriptor = Descriptor<Self>(
    id: "relax", summary: "score function with a learned surrogate of f as control variate (RELAX)",
    equation:
      "(1/K) Σ_k [f(z_k) − c(x̃_k)] ∇_λ log q(z_k) + ∇_λ c(x_k) − ∇_λ c(x̃_k),  c = η f + ρ_0 + Σ_d ρ_d x_d + ρ'_d x_d²",
    notes: [
      Concrete.requires,
      Note("Bias", "none: the surrogate c does not see the draws that it is used with."),
      Note(
        "Cost",
        "2K evaluations and 2K gradient evaluations an estimate, half of each at x̃; learning takes another 2K and 4K a step of an optimization."
      ),
      Note(
        "Surrogate",
        "the relaxation of f, a constant, and a quadratic without cross terms, offered up to dimension \(largestDimension). Where one is a combination of others it is left out: of one bit every quadratic f is."
      ),
      Rebar.learned,
    ],
    references: [Reference("grathwohl2018", "section 3"), Reference("tucker2017", "section 3")],
    options: [.real("temperature", \.temperature, in: Concrete.temperatureBounds, "τ where it starts to learn")])

  public func requirements(samples: Int, of problem: Problem) throws(EstimatorError) -> Requirements {
    try RelaxedDraws.check(problem)
    try problem.checkMeanOfDraws()
    guard problem.model.dimension <= Self.largestDimension else {
      throw EstimatorError("learns a quadratic and is offered up to dimension \(Self.largestDimension); take rebar")
    }
    let draws = Double(samples) * problem.dataShare
    return Requirements(
      quantities: Quantities(values: problem.terms), evaluations: 2 * draws, gradientEvaluations: 2 * draws,
      learningEvaluations: 2 * draws, learningGradientEvaluations: 4 * draws, usesRandomNumbers: true,
      claims: .meanOfDraws)
  }

  /// The surrogate's coefficients and τ, and what they were learned from.
  public struct State: Codable, Hashable, Sendable {
    var surrogate: SurrogateRegression
    var temperature: LearnedTemperature
  }

  public func initialState(for problem: Problem, parameters: [Double]) -> State {
    State(
      surrogate: SurrogateRegression(featureCount: SurrogateFeature.count(problem.model.dimension)),
      temperature: LearnedTemperature(temperature))
  }

  public func warmUp(for state: State) -> WarmUp? { WarmUp(lanes: 32, batches: 150) }

  /// Scratch, with the control variate of each feature.
  public struct Workspace {
    var score: ControlledScore
    var variates: [[Double]]
  }

  public func makeWorkspace(for problem: Problem, shape: Shape) throws(EstimatorError) -> Workspace {
    let score = try ControlledScore(problem, shape, isCoupled: false)
    return Workspace(
      score: score, variates: Array(repeating: score.plain, count: SurrogateFeature.count(shape.dimension)))
  }

  public func estimate(
    _ problem: Problem, _ block: borrowing DrawBlock, state: State, random: inout RandomStream,
    workspace: inout Workspace, into gradients: inout MutableSpan<Double>
  ) {
    workspace.score.estimate(problem, block, random: &random)
    workspace.score.makeVariate(state.function(of: problem), state.temperature.value, problem, block)
    for i in gradients.indices { gradients[i] += workspace.score.plain[i] - workspace.score.variate[i] }
  }

  public func adapt(
    _ state: inout State, problem: Problem, block: borrowing DrawBlock, workspace: inout Workspace
  ) {
    for i in workspace.variates.indices {
      let feature = SurrogateFeature(i, dimension: block.shape.dimension, terms: problem.terms)
      workspace.score.storeVariate(feature, state.temperature.value, problem, block, into: &workspace.variates[i])
    }
    state.surrogate.add(plain: workspace.score.plain, variates: workspace.variates, lanes: block.shape.lanes)
    func meanSquare(_ shift: Double, _ score: inout ControlledScore) -> Double {
      score.makeVariate(state.function(of: problem), state.temperature.moved(by: shift), problem, block)
      var sum = 0.0
      for i in score.plain.indices { sum += (score.plain[i] - score.variate[i]) * (score.plain[i] - score.variate[i]) }
      return sum
    }
    let below = meanSquare(-LearnedTemperature.probe, &workspace.score)
    let above = meanSquare(LearnedTemperature.probe, &workspace.score)
    let whole = workspace.score.plain.reduce(0) { $0 + $1 * $1 }
    // Where nothing is left but rounding there is nothing to descend on.
    if below + above > 1e-12 * whole { state.temperature.step(below: below, above: above, lanes: block.shape.lanes) }
  }
}

extension Relax.State {
  fileprivate func function(of problem: Problem) -> QuadraticSurrogate {
    QuadraticSurrogate(terms: problem.terms, coefficients: surrogate.coefficients)
  }
}
