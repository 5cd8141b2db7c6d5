public import GradientEstimation
public import Randomness

/// The measure-valued gradient: with the weak derivative ∂q/∂λ_p = c_p (q⁺_p − q⁻_p),
///
///     ĝ_p = (c_p/K) Σ_k [f(z⁺_kp) − f(z⁻_kp)]  + ∂_p (closed-form terms)
///
/// where z±_kp is the draw z_k with the coordinate that λ_p moves drawn from q±_p in its place. For N(m, s²) and the mean
/// c = 1/(s√(2π)) and z± = m ± s W, W Rayleigh; for log s c = 1, z⁺ = m + s M, M double-sided Maxwell, and z⁻ normal.
/// log q has a derivative in λ of its own, whose expectation is zero: f is differenced at one λ.
///
/// - Requires: a family with such a decomposition; values of the model, which need not be continuous.
/// - Bias: none, for every f of finite expectation.
/// - Cost: 2 P K evaluations, at points of its own.
/// - Reference: Pflug (1989); Mohamed et al. (2020), section 6.
public struct MeasureValued: ControlledEstimator {
  public var split = Split.monteCarlo
  /// Whether the two parts share random numbers.
  public var coupling = true
  public var control = ControlVariateOptions()

  public init() {}
  public init(split: Split = .monteCarlo, coupling: Bool = true, control: ControlVariateOptions = .init()) {
    self.split = split
    self.coupling = coupling
    self.control = control
  }

  public static let descriptor = Descriptor<Self>(
    id: "measure-valued",
    summary: "measure-valued (weak) derivative: f at draws of the two parts of ∂q/∂λ",
    equation: "(c_p/K) Σ_k [f(z⁺_kp) − f(z⁻_kp)],  ∂q/∂λ_p = c_p (q⁺_p − q⁻_p)",
    notes: [
      Note(
        "Requires",
        "values of the model; a family whose parameters each move one coordinate, with a known weak derivative. f need not be differentiable, nor continuous."
      ),
      Note("Bias", "none."),
      Note(
        "Cost", "2 P K evaluations an estimate, two a parameter, at points of its own: 4 D K for a mean-field normal."),
      Note(
        "coupling",
        "true: both parts are made of the same random numbers. It lowers the variance where f moves alike at both, and does not always: for f(z) = z, in the mean, it is exactly twice the variance of independent parts."
      ),
      ControlVariateOptions.note,
    ],
    references: [
      Reference("pflug1989"), Reference("mohamed2020", "section 6"), Reference("paisley2012", "section 3"),
    ],
    options: [
      .flag("coupling", \.coupling, "draw both parts of a derivative from the same random numbers"),
      .choice("kl", \.split, "which part of the ELBO is taken in closed form"),
    ] + controlOptions,
    variants: [["coupling": "false"]])

  public func check() throws(ComponentError) { try control.check() }

  public func requirements(samples: Int, of problem: Problem) throws(EstimatorError) -> Requirements {
    guard problem.family is any WeaklyDifferentiableFamily else {
      throw EstimatorError("needs a family whose weak derivatives are known, such as 'mean-field-normal'")
    }
    _ = try problem.sampledTerms(split)
    try control.check(problem)
    let isConstant = problem.terms.contains(.entropy) && split == .monteCarlo
    return Requirements(
      quantities: Quantities(), evaluations: Double(2 * problem.parameterCount * samples) * problem.dataShare,
      usesRandomNumbers: true,
      claims: Claims.meanOfDraws.union(isConstant ? .zeroAtPosterior : []).union(controlClaims))
  }

  public func initialState(for problem: Problem, parameters: [Double]) -> ControlVariateState {
    ControlVariateState(control, of: problem.terms.subtracting(split.closedForm), problem, parameters: parameters)
  }

  public func warmUp(for state: ControlVariateState) -> WarmUp? { state.warmUp }

  /// Scratch: the points of each part, and c_p of each lane.
  public struct Workspace {
    let positive, negative: OwnDraws
    var factors: [Double]
    var variate: ControlVariateScratch
  }

  public func makeWorkspace(for problem: Problem, shape: Shape) throws(EstimatorError) -> Workspace {
    Workspace(
      positive: OwnDraws(problem, shape), negative: OwnDraws(problem, shape),
      factors: Array(repeating: 0, count: shape.lanes), variate: ControlVariateScratch(control, shape))
  }

  public func estimate(
    _ problem: Problem, _ block: borrowing DrawBlock, state: ControlVariateState, random: inout RandomStream,
    workspace: inout Workspace, into gradients: inout MutableSpan<Double>
  ) {
    guard let family = problem.family as? any WeaklyDifferentiableFamily else { return }
    let shape = block.shape, positive = workspace.positive, negative = workspace.negative
    workspace.variate.clear()
    positive.takeParameters(block.draws)
    negative.takeParameters(block.draws)
    for p in 0..<shape.parameters {
      positive.take(block.draws)
      negative.take(block.draws)
      family.sampleParts(
        ofParameter: p, coupled: coupling, positive: &positive.block.draws, negative: &negative.block.draws,
        random: &random)
      var factors = workspace.factors.mutableSpan
      family.partsFactor(ofParameter: p, at: block.draws, into: &factors)
      for lane in workspace.factors.indices { workspace.factors[lane] /= Double(shape.samples) }
      add(positive, p, problem, state, &workspace, &gradients)
      for lane in workspace.factors.indices { workspace.factors[lane].negate() }
      add(negative, p, problem, state, &workspace, &gradients)
    }
    workspace.variate.subtract(state, problem, block, from: &gradients)
    problem.addClosedForm(split, at: block.draws, into: &gradients)
  }

  /// Adds factors · Σ_k f(z_k) of a part to row p, and what the control variate is at the same points.
  private func add(
    _ part: OwnDraws, _ p: Int, _ problem: Problem, _ state: ControlVariateState, _ workspace: inout Workspace,
    _ gradients: inout MutableSpan<Double>
  ) {
    let shape = part.block.shape, sampled = problem.terms.subtracting(split.closedForm)
    part.block.evaluate(Quantities(values: sampled), of: problem)
    for term in sampled.members {
      let values = part.block.evaluation.values(of: term)
      for k in 0..<shape.samples {
        for lane in 0..<shape.lanes {
          gradients[p * shape.lanes + lane] += workspace.factors[lane] * values[k * shape.lanes + lane]
        }
      }
    }
    guard let quadratic = state.quadratic else { return }
    quadratic.evaluate(
      at: part.block.draws.z, shape, values: &workspace.variate.values, gradient: &workspace.variate.gradient)
    for k in 0..<shape.samples {
      for lane in 0..<shape.lanes {
        let t = workspace.variate.values[k * shape.lanes + lane]
        workspace.variate.variate[p * shape.lanes + lane] += workspace.factors[lane] * t
      }
    }
  }

  public func adapt(
    _ state: inout ControlVariateState, problem: Problem, block: borrowing DrawBlock, workspace: inout Workspace
  ) {
    state.learn(from: workspace.variate, of: problem.terms.subtracting(split.closedForm), problem, block)
  }
}
