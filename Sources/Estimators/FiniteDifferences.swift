public import GradientEstimation
public import Randomness

/// Central differences of the objective's estimate, over the same noise:
///
///     ĝ_p = [F̂(λ + h e_p; ε) − F̂(λ − h e_p; ε)] / 2h,   F̂(λ; ε) = (1/K) Σ_k f(g(ε_k, λ); λ)
///
/// A reference that needs no derivative, of nothing. For h → 0 it is the pathwise gradient, draw by draw.
///
/// - Requires: a family whose draws are a function of noise; values of the model.
/// - Bias: O(h²): the expectation is the central difference of the objective.
/// - Cost: 2 P K evaluations, at points of its own.
/// - Reference: Glasserman (2003), section 7.1; Mohamed et al. (2020), section 5 on the limit h → 0.
public struct FiniteDifferences: GradientEstimator {
  /// h
  public var step = 1e-3

  public init() {}
  public init(step: Double) { self.step = step }

  public static let descriptor = Descriptor<Self>(
    id: "finite-differences", summary: "central differences of the objective over the same noise, as a reference",
    equation: "[F̂(λ + h e_p; ε) − F̂(λ − h e_p; ε)]/2h,  F̂(λ; ε) = (1/K) Σ_k f(g(ε_k, λ); λ)",
    notes: [
      Note("Requires", "values of the model; a family whose draws are a function z = g(ε, λ) of noise."),
      Note("Bias", "O(h²): its expectation is the central difference of the objective, exact where that is."),
      Note("Cost", "2 P K evaluations an estimate, two a parameter, at points of its own."),
      Note(
        "step",
        "h, in the units of λ. Rounding leaves errors of about 10⁻¹⁶ |f|/h in an estimate, and the bias is h²/6 times the third derivative of the objective. For f that jumps the variance grows as 1/h."
      ),
    ],
    references: [Reference("glasserman2003", "section 7.1")],
    options: [.real("step", \.step, in: RealBounds(lower: 1e-8, upper: 1), "h, by which a parameter is moved")])

  public func requirements(samples: Int, of problem: Problem) throws(EstimatorError) -> Requirements {
    try checkTransformed(problem)
    try problem.checkMeanOfDraws()
    return Requirements(
      quantities: Quantities(), bias: .biased("the central difference of the objective, off by O(h²)"),
      evaluations: Double(2 * problem.parameterCount * samples) * problem.dataShare, claims: .meanOfDraws)
  }

  public struct Workspace {
    let moved: OwnDraws
  }

  public func makeWorkspace(for problem: Problem, shape: Shape) throws(EstimatorError) -> Workspace {
    Workspace(moved: OwnDraws(problem, shape))
  }

  public func estimate(
    _ problem: Problem, _ block: borrowing DrawBlock, state: NoState, random: inout RandomStream,
    workspace: inout Workspace, into gradients: inout MutableSpan<Double>
  ) {
    guard let family = problem.family as? any TransformedFamily else { return }
    let shape = block.shape, moved = workspace.moved
    moved.take(block.draws)
    func add(_ p: Int, _ step: Double, _ gradients: inout MutableSpan<Double>) {
      moved.takeParameters(block.draws)
      let width = block.draws.sharesParameters ? 1 : shape.lanes
      for i in p * width..<(p + 1) * width { moved.block.draws.parameters[i] += step }
      family.transform(&moved.block.draws)
      moved.block.evaluate(Quantities(values: problem.terms), of: problem)
      moved.addValues(
        of: problem.terms, factor: 1 / (2 * step * Double(shape.samples)), to: &gradients, from: p * shape.lanes)
    }
    for p in 0..<shape.parameters {
      add(p, step, &gradients)
      add(p, -step, &gradients)
    }
  }

  public func expectedGradient(of problem: Problem, samples: Int, parameters: [Double]) -> [Double]? {
    var gradient: [Double] = []
    for p in parameters.indices {
      var (up, down) = (parameters, parameters)
      up[p] += step
      down[p] -= step
      guard let above = problem.exact(at: up), let below = problem.exact(at: down) else { return nil }
      gradient.append((above.value - below.value) / (2 * step))
    }
    return gradient
  }
}

/// Throws unless draws can be had again at another λ.
func checkTransformed(_ problem: Problem) throws(EstimatorError) {
  guard problem.family is any TransformedFamily else {
    throw EstimatorError("needs a family whose draws are a function of their noise, such as 'mean-field-normal'")
  }
  guard !problem.family.support.isDiscrete else {
    throw EstimatorError("needs draws that move with λ: those of a discrete family stay or jump, whatever the step")
  }
}
