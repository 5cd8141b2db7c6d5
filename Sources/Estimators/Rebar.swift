public import GradientEstimation
public import Randomness

/// REBAR: the score-function estimator with the concrete relaxation of f as its control variate,
///
///     ĝ = (1/K) Σ_k [f(z_k) − η f(x̃_k)] ∇_λ log q(z_k) + η ∇_λ f(x_k) − η ∇_λ f(x̃_k)
///
/// x relaxes z at a temperature τ, and x̃ is of noise drawn again given z. Its own dependence on λ, with z and the fresh
/// noise held, counts in the last term. f is held at one λ throughout.
///
/// - Requires: as `concrete`.
/// - Bias: none, whatever τ and η: neither sees the draws that it is used with.
/// - Cost: 2K evaluations and 2K gradient evaluations; K gradients with `coupling`. Learning τ takes as many again four times.
/// - Reference: Tucker et al. (2017), section 3.
public struct Rebar: GradientEstimator {
  public enum Learning: String, CaseIterable, Sendable { case none, coefficient, all }
  /// τ, or where it starts.
  public var temperature = 0.5
  /// η, where it is not learned.
  public var coefficient = 1.0
  public var learning = Learning.all
  /// Whether x̃ is the number that x is.
  public var coupling = false

  public init() {}
  public init(temperature: Double, coefficient: Double = 1, learning: Learning = .none, coupling: Bool = false) {
    self.temperature = temperature
    self.coefficient = coefficient
    self.learning = learning
    self.coupling = coupling
  }

  public static let descriptor = Descriptor<Self>(
    id: "rebar", summary: "score function with the concrete relaxation of f as control variate (REBAR)",
    equation: "(1/K) Σ_k [f(z_k) − η f(x̃_k)] ∇_λ log q(z_k) + η ∇_λ f(x_k) − η ∇_λ f(x̃_k),  x̃_k | z_k",
    notes: [
      Concrete.requires,
      Note("Bias", "none, whatever τ and η: neither sees the draws that it is used with."),
      Note(
        "Cost",
        "2K evaluations and 2K gradient evaluations an estimate, K of each at the draws or at x̃; with coupling K gradients."
      ),
      learned,
      Note(
        "coupling",
        "true: the noise of x̃ is what is left of that of x given z, so that both are one number and differ as functions of λ alone. No random numbers are drawn."
      ),
      Note(
        "Variance",
        "of one bit and f = (z − t)², a fixed η of 1 is above the score function's, and the best is below it by less than half a percent."
      ),
    ],
    references: [Reference("tucker2017", "section 3")],
    options: [
      .real("temperature", \.temperature, in: Concrete.temperatureBounds, "τ, or where it starts to learn"),
      .choice("learn", \.learning, "what is learned: nothing, η of each parameter, or η and τ"),
      .real("coefficient", \.coefficient, in: .any, "η, with learn=none"),
      .flag("coupling", \.coupling, "draw x and x̃ from the same random numbers"),
    ],
    variants: [["learn": "none"]])

  static let learned = Note(
    "Learning",
    "coefficients by regression, and τ by descent on the squared estimates along the difference at τ e^{±0.1} on the same draws. What is learned is learned on a stream of its own before a measurement at fixed λ and then frozen; in an optimization from the draws of past steps, older ones counting less."
  )

  public func check() throws(ComponentError) {
    if learning != .none, coefficient != 1 {
      throw ComponentError(option: "coefficient", "has no effect with learn=\(learning.rawValue); use learn=none")
    }
  }

  public func requirements(samples: Int, of problem: Problem) throws(EstimatorError) -> Requirements {
    try RelaxedDraws.check(problem)
    try problem.checkMeanOfDraws()
    let draws = Double(samples) * problem.dataShare
    return Requirements(
      quantities: Quantities(values: problem.terms), evaluations: 2 * draws,
      gradientEvaluations: (coupling ? 1 : 2) * draws, usesRandomNumbers: !coupling, claims: .meanOfDraws)
  }

  /// η of each parameter and τ, and what they were learned from.
  public struct State: Codable, Hashable, Sendable {
    var regression: CoefficientRegression
    var temperature: LearnedTemperature
    /// λ of the last batch.
    var parameters: [Double]
    let learns: Bool
  }

  public func initialState(for problem: Problem, parameters: [Double]) -> State {
    State(
      regression: CoefficientRegression(parameterCount: problem.parameterCount),
      temperature: LearnedTemperature(temperature), parameters: parameters, learns: learning != .none)
  }

  public func warmUp(for state: State) -> WarmUp? {
    state.learns ? WarmUp(lanes: 64, batches: learning == .all ? 150 : 64) : nil
  }

  /// Scratch: f of each draw, `[K × B]`; the score estimate and the control variate, `[P × B]`.
  public struct Workspace {
    var surrogate: ConditionalSurrogate
    var signal, centers, plain, variate: [Double]
  }

  public func makeWorkspace(for problem: Problem, shape: Shape) throws(EstimatorError) -> Workspace {
    let room = [Double](repeating: 0, count: shape.parameters * shape.lanes)
    return Workspace(
      surrogate: try ConditionalSurrogate(problem, shape, isCoupled: coupling),
      signal: Array(repeating: 0, count: shape.drawCount), centers: Array(repeating: 0, count: shape.parameters),
      plain: room, variate: room)
  }

  public func estimate(
    _ problem: Problem, _ block: borrowing DrawBlock, state: State, random: inout RandomStream,
    workspace: inout Workspace, into gradients: inout MutableSpan<Double>
  ) {
    let lanes = block.shape.lanes
    scoreEstimate(problem, block, &workspace.signal, workspace.centers, into: &workspace.plain)
    workspace.surrogate.perturb(block.draws, random: &random)
    workspace.makeVariate(problem, block, learning == .all ? state.temperature.value : temperature)
    for i in gradients.indices {
      let eta = learning == .none ? coefficient : state.regression.coefficients[i / lanes]
      gradients[i] += workspace.plain[i] - eta * workspace.variate[i]
    }
  }

  public func adapt(
    _ state: inout State, problem: Problem, block: borrowing DrawBlock, workspace: inout Workspace
  ) {
    guard learning != .none else { return }
    let lanes = block.shape.lanes
    state.regression.add(plain: workspace.plain, variate: workspace.variate, lanes: lanes)
    let isShared = block.draws.sharesParameters, hasMoved = !isShared || block.draws.parameters != state.parameters
    if isShared, hasMoved { state.parameters = block.draws.parameters }
    if hasMoved || learning == .all { state.regression.forget(keeping: max(0.96, 1 - Double(lanes) / 1600)) }
    guard learning == .all else { return }
    func meanSquare(_ shift: Double, _ workspace: inout Workspace) -> Double {
      workspace.makeVariate(problem, block, state.temperature.moved(by: shift))
      var sum = 0.0
      for i in workspace.plain.indices {
        let estimate = workspace.plain[i] - state.regression.coefficients[i / lanes] * workspace.variate[i]
        sum += estimate * estimate
      }
      return sum
    }
    let below = meanSquare(-LearnedTemperature.probe, &workspace)
    let above = meanSquare(LearnedTemperature.probe, &workspace)
    state.temperature.step(below: below, above: above, lanes: lanes)
  }
}

extension Rebar.Workspace {
  /// The control variate at τ, as `variate`.
  fileprivate mutating func makeVariate(_ problem: Problem, _ block: borrowing DrawBlock, _ temperature: Double) {
    for i in variate.indices { variate[i] = 0 }
    surrogate.addVariate(of: problem.terms, problem, block, temperature, into: &variate)
  }
}

/// The score estimate with no baseline, `[P × B]`; `signal` is scratch, `[K × B]`, and `centers` are zeros, `[P]`.
func scoreEstimate(
  _ problem: Problem, _ block: borrowing DrawBlock, _ signal: inout [Double], _ centers: [Double],
  into sums: inout [Double]
) {
  for i in signal.indices { signal[i] = 0 }
  for i in sums.indices { sums[i] = 0 }
  for term in problem.terms.members {
    let values = block.evaluation.values(of: term)
    for i in signal.indices { signal[i] += values[i] / Double(block.shape.samples) }
  }
  var span = sums.mutableSpan
  problem.family.addScore(weights: signal.span, centers: centers.span, at: block.draws, into: &span)
}
