public import GradientEstimation
public import Randomness

/// Sticking the landing, the path derivative: with z = g(ε, λ),
///
///     ĝ = (1/K) Σ_k (∂g/∂λ)ᵀ ∇_z [log p(x, z) − log q_λ(z)]
///
/// and of an objective of several draws Σ_k φ_k (∂g/∂λ)ᵀ ∇_z ℓ_k, that is SGVB-A without the explicit term ∇_λ log q_λ(z), whose expectation is zero.
///
/// - Requires: a reparameterizable family, ∇_z of the model, an ELBO.
/// - Bias: none where draws are averaged. Of an objective of several draws the term that is dropped has an expectation: it is
///   biased for K > 1 (Tucker et al. 2019, section 3), and `dreg` is what is not.
/// - Variance: zero where q is the posterior. Not always below SGVB-A's: on a normal posterior it is lower in the mean
///   exactly where q's variance exceeds half the posterior's.
/// - Cost: K gradient evaluations.
/// - Reference: Roeder, Wu and Duvenaud (2017), section 3. Tutorials in circulation give this as "the
///   reparameterization gradient".
public struct StickingTheLanding: PathDerivativeEstimator {
  public init() {}

  public static let descriptor = Descriptor<Self>(
    id: "stl",
    summary: "sticking the landing, the path derivative: SGVB-A without the score term",
    equation: "(1/K) Σ_k (∂g/∂λ)ᵀ ∇_z [log p(x,z_k) − log q_λ(z_k)]",
    notes: [
      Note("Requires", "a reparameterizable family; ∇_z of the model; the objective elbo."),
      Note(
        "Bias",
        "none for the ELBO. Biased for objectives of K > 1 draws, where the term that it drops has an expectation: its target then is E Σ_k φ_k (∂z_k/∂λ)ᵀ ∇_z log w_k. dreg is unbiased there."
      ),
      Note("Cost", "K gradient evaluations an estimate."),
      Note(
        "Variance",
        "zero where q is the posterior. Elsewhere it can exceed SGVB-A's: for a normal posterior it is the lower one where q's variance is more than half the posterior's."
      ),
    ],
    references: [Reference("roeder2017", "section 3"), Reference("tucker2019", "section 3")])

  public func requirements(samples: Int, of problem: Problem) throws(EstimatorError) -> Requirements {
    try checkPathwise(problem)
    guard problem.terms.contains(.entropy) else {
      throw EstimatorError(
        "needs an objective with log q in it, such as 'elbo': without it there is no score term to drop")
    }
    if let objective = problem.multiSample {
      guard objective.rule == .gradient else {
        throw EstimatorError(
          "the objective holds its weights fixed: there is no score term to drop; take score or dreg")
      }
      var requirements = boundRequirements(objective, samples, problem)
      if samples > 1 { requirements.bias = .biased("Σ_k φ_k (∂z_k/∂λ)ᵀ ∇_z log w_k, without the score terms") }
      return requirements
    }
    return Requirements(
      quantities: Quantities(gradients: problem.terms), gradientEvaluations: Double(samples) * problem.dataShare,
      claims: [.meanOfDraws, .zeroAtPosterior])
  }

  public func estimate(
    _ problem: Problem, _ block: borrowing DrawBlock, state: NoState, random: inout RandomStream,
    workspace: inout WeightedCotangents, into gradients: inout MutableSpan<Double>
  ) {
    guard let family = problem.family as? any ReparameterizableFamily else { return }
    if problem.multiSample != nil {
      workspace.takeSlopes(of: block)
      workspace.pull(problem, family, block, into: &gradients)
      return
    }
    for part in problem.terms.parts.members {
      family.addPullback(
        cotangents: block.evaluation.gradient(of: part).span, factor: 1 / Double(block.shape.samples),
        at: block.draws, into: &gradients)
    }
  }
}
