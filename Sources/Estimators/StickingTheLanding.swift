public import GradientEstimation
public import Randomness

/// Sticking the landing, the path derivative: with z = g(ε, λ),
///
///     ĝ = (1/K) Σ_k (∂g/∂λ)ᵀ ∇_z [log p(x, z) − log q_λ(z)]
///
/// that is SGVB-A without the explicit term ∇_λ log q_λ(z), whose expectation is zero.
///
/// - Requires: a reparameterizable family, ∇_z of the model, an ELBO.
/// - Bias: none for one-draw bounds (K draws averaged).
/// - Variance: zero where q is the posterior. Not always below SGVB-A's: on a normal posterior it is lower in the mean
///   exactly where q's variance exceeds half the posterior's.
/// - Cost: K gradient evaluations.
/// - Reference: Roeder, Wu and Duvenaud (2017), section 3. Tutorials in circulation give this as "the
///   reparameterization gradient".
public struct StickingTheLanding: GradientEstimator {
  public init() {}

  public static let descriptor = Descriptor<Self>(
    id: "stl",
    summary: "sticking the landing, the path derivative: SGVB-A without the score term",
    equation: "(1/K) Σ_k (∂g/∂λ)ᵀ ∇_z [log p(x,z_k) − log q_λ(z_k)]",
    notes: [
      Note("Requires", "a reparameterizable family; ∇_z of the model; the objective elbo."),
      Note("Bias", "none."),
      Note("Cost", "K gradient evaluations an estimate."),
      Note(
        "Variance",
        "zero where q is the posterior. Elsewhere it can exceed SGVB-A's: for a normal posterior it is the lower one where q's variance is more than half the posterior's."
      ),
    ],
    references: [Reference("roeder2017", "section 3")])

  public func requirements(samples: Int, of problem: Problem) throws(EstimatorError) -> Requirements {
    try checkPathwise(problem)
    guard problem.terms.contains(.entropy) else {
      throw EstimatorError(
        "needs an objective with log q in it, such as 'elbo': without it there is no score term to drop")
    }
    return Requirements(
      quantities: Quantities(gradients: problem.terms), gradientEvaluations: Double(samples) * problem.dataShare)
  }

  public func estimate(
    _ problem: Problem, _ block: borrowing DrawBlock, state: NoState, random: inout RandomStream,
    workspace: inout NoWorkspace, into gradients: inout MutableSpan<Double>
  ) {
    guard let family = problem.family as? any ReparameterizableFamily else { return }
    for part in problem.terms.parts.members {
      family.addPullback(
        cotangents: block.evaluation.gradient(of: part).span, factor: 1 / Double(block.shape.samples),
        at: block.draws, into: &gradients)
    }
  }
}
