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
/// - Cost: 2K evaluations and 2K gradient evaluations. Learning τ takes as many again four times.
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
      Note("Cost", "2K evaluations and 2K gradient evaluations an estimate, half of each at x̃."),
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
      usesRandomNumbers: true, claims: .meanOfDraws)
  }

  /// The surrogate's coefficients and τ, and what they were learned from.
  public struct State: Codable, Hashable, Sendable {
    var surrogate: SurrogateRegression
    var temperature: LearnedTemperature
  }

  public func initialState(for problem: Problem, parameters: [Double]) -> State {
    State(
      surrogate: SurrogateRegression(featureCount: QuadraticSurrogate.count(problem.model.dimension)),
      temperature: LearnedTemperature(temperature))
  }

  public func warmUp(for state: State) -> WarmUp? { WarmUp(lanes: 32, batches: 150) }

  /// Scratch: f of each draw, `[K × B]`; the score estimate, `[P × B]`; the surrogate's values and control variate.
  public struct Workspace {
    var variate: ConditionalSurrogate
    var signal, centers, plain, sums: [Double]
  }

  public func makeWorkspace(for problem: Problem, shape: Shape) throws(EstimatorError) -> Workspace {
    let room = [Double](repeating: 0, count: shape.parameters * shape.lanes)
    return Workspace(
      variate: try ConditionalSurrogate(problem, shape, isCoupled: false),
      signal: Array(repeating: 0, count: shape.drawCount), centers: Array(repeating: 0, count: shape.parameters),
      plain: room, sums: room)
  }

  public func estimate(
    _ problem: Problem, _ block: borrowing DrawBlock, state: State, random: inout RandomStream,
    workspace: inout Workspace, into gradients: inout MutableSpan<Double>
  ) {
    scoreEstimate(problem, block, &workspace.signal, workspace.centers, into: &workspace.plain)
    workspace.variate.perturb(block.draws, random: &random)
    workspace.makeVariate(problem, block, state.temperature.value, state.surrogate.coefficients)
    for i in gradients.indices { gradients[i] += workspace.plain[i] - workspace.sums[i] }
  }

  public func adapt(
    _ state: inout State, problem: Problem, block: borrowing DrawBlock, workspace: inout Workspace
  ) {
    let features = state.surrogate.coefficients.count, temperature = state.temperature.value
    workspace.variate.relax(temperature, of: problem.terms, problem)
    var variates: [[Double]] = []
    for feature in 0..<features {
      var weights = [Double](repeating: 0, count: features)
      weights[feature] = 1
      variates.append(workspace.plain.map { _ in 0 })
      workspace.variate.add(temperature, problem, block, into: &variates[feature]) {
        QuadraticSurrogate(problem.terms, weights).add($0, to: &$1, gradient: &$2)
      }
    }
    state.surrogate.add(plain: workspace.plain, variates: variates, lanes: block.shape.lanes)
    func meanSquare(_ shift: Double) -> Double {
      workspace.makeVariate(problem, block, state.temperature.moved(by: shift), state.surrogate.coefficients)
      return zip(workspace.plain, workspace.sums).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
    }
    let below = meanSquare(-LearnedTemperature.probe), above = meanSquare(LearnedTemperature.probe)
    let whole = workspace.plain.reduce(0) { $0 + $1 * $1 }
    // Where nothing is left but rounding there is nothing to descend on.
    if below + above > 1e-12 * whole { state.temperature.step(below: below, above: above, lanes: block.shape.lanes) }
  }
}

extension Relax.Workspace {
  /// The control variate of the surrogate at τ, as `sums`.
  fileprivate mutating func makeVariate(
    _ problem: Problem, _ block: borrowing DrawBlock, _ temperature: Double, _ coefficients: [Double]
  ) {
    for i in sums.indices { sums[i] = 0 }
    variate.relax(temperature, of: problem.terms, problem)
    variate.add(temperature, problem, block, into: &sums) {
      QuadraticSurrogate(problem.terms, coefficients).add($0, to: &$1, gradient: &$2)
    }
  }
}

/// c(x) = ρ_0 + Σ_d ρ_d x_d + η f(x) + Σ_d ρ'_d x_d², by its coefficients in this order.
struct QuadraticSurrogate {
  private let terms: Terms
  private let coefficients: [Double]

  static func count(_ dimension: Int) -> Int { 2 + 2 * dimension }

  init(_ terms: Terms, _ coefficients: [Double]) {
    self.terms = terms
    self.coefficients = coefficients
  }

  /// Adds c to `values`, `[K × B]`, and ∇c to `gradient`, `[K × D × B]`, at `points` where f has been evaluated.
  func add(_ points: OwnDraws, to values: inout [Double], gradient: inout [Double]) {
    let shape = points.block.shape, (d, b) = (shape.dimension, shape.lanes), eta = coefficients[d + 1]
    for i in values.indices { values[i] += coefficients[0] }
    if eta != 0 {
      points.addValues(of: terms, factor: eta, to: &values)
      points.addGradient(of: terms, factor: eta, to: &gradient)
    }
    for k in 0..<shape.samples {
      for i in 0..<d {
        let linear = coefficients[1 + i], square = coefficients[d + 2 + i]
        guard linear != 0 || square != 0 else { continue }
        let row = (k * d + i) * b
        for lane in 0..<b {
          let x = points.block.draws.z[row + lane]
          values[k * b + lane] += (linear + square * x) * x
          gradient[row + lane] += linear + 2 * square * x
        }
      }
    }
  }
}
