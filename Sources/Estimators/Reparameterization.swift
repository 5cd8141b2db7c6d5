public import GradientEstimation
public import Randomness

/// The reparameterization (pathwise) estimator: with z = g(ε, λ),
///
///     ĝ = (1/K) Σ_k ∇_λ f(g(ε_k, λ); λ)  + ∇_λ (closed-form terms)
///
/// the total derivative, log q's own dependence on λ included. With `kl=monte-carlo` this is SGVB-A, with
/// `kl=analytic` SGVB-B (id `analytic-kl`). Without the explicit dependence it would be the path derivative, which is
/// `stl`.
///
/// - Requires: a reparameterizable family, ∇_z of the model.
/// - Bias: none, for f continuous and piecewise smooth.
/// - Cost: K gradient evaluations.
/// - Reference: Kingma and Welling (2014), equations (6) and (7); Rezende, Mohamed and Wierstra (2014); Mohamed et al.
///   (2020), section 5.
public struct Reparameterization: GradientEstimator {
  public var split = Split.monteCarlo

  public init() {}
  public init(split: Split) { self.split = split }

  public static let descriptor = Descriptor<Self>(
    id: "reparam",
    summary: "reparameterization (pathwise), the total derivative: SGVB-A; with kl=analytic SGVB-B",
    equation: "(1/K) Σ_k ∇_λ f(g(ε_k, λ); λ)",
    notes: [
      Note("Requires", "a reparameterizable family; ∇_z of the model."),
      Note("Bias", "none, for f continuous and piecewise smooth."),
      Note("Cost", "K gradient evaluations an estimate."),
      Note(
        "Implicit",
        "where z has no closed form in ε, as for gamma, beta and dirichlet, ∂z/∂λ is −(∂F/∂λ)/q with the distribution function F: implicit reparameterization. The id implicit is this estimator."
      ),
      Note(
        "kl",
        "monte-carlo is SGVB-A; analytic is SGVB-B, id analytic-kl; entropy is the same as monte-carlo, draw by draw, for location-scale families. The path derivative without the score term is another estimator: stl."
      ),
    ],
    references: [
      Reference("kingma2014", "equations (6), (7)"), Reference("rezende2014"), Reference("mohamed2020", "section 5"),
      Reference("figurnov2018", "equation (7)"),
    ],
    options: [.choice("kl", \.split, "which part of the ELBO is taken in closed form")],
    aliases: [
      Alias("pathwise"), Alias("implicit"), Alias("analytic-kl", options: ["kl": "analytic"], isCanonical: true),
    ])

  public func canonical(for problem: Problem) -> Self {
    let coincide = (problem.family as? any ReparameterizableFamily)?.pathwiseEntropyIsExact ?? false
    return split == .entropy && coincide ? Self(split: .monteCarlo) : self
  }

  public func requirements(samples: Int, of problem: Problem) throws(EstimatorError) -> Requirements {
    try checkPathwise(problem)
    let sampled = try problem.sampledTerms(split)
    return Requirements(
      quantities: Quantities(gradients: sampled.subtracting(.entropy)),
      gradientEvaluations: Double(samples) * problem.dataShare, claims: .meanOfDraws)
  }

  public func estimate(
    _ problem: Problem, _ block: borrowing DrawBlock, state: NoState, random: inout RandomStream,
    workspace: inout NoWorkspace, into gradients: inout MutableSpan<Double>
  ) {
    guard let family = problem.family as? any ReparameterizableFamily else { return }
    let factor = 1 / Double(block.shape.samples)
    let sampled = problem.terms.subtracting(split.closedForm)
    for part in sampled.subtracting(.entropy).parts.members {
      family.addPullback(
        cotangents: block.evaluation.gradient(of: part).span, factor: factor, at: block.draws, into: &gradients)
    }
    if sampled.contains(.entropy) {
      family.addPathwiseEntropyGradient(factor: factor, at: block.draws, into: &gradients)
    }
    family.addAnalyticGradient(
      of: problem.terms.intersection(split.closedForm), for: problem.model, at: block.draws, into: &gradients)
  }
}

/// Throws unless draws can be differentiated and so can the model.
func checkPathwise(_ problem: Problem) throws(EstimatorError) {
  guard problem.family is any ReparameterizableFamily else {
    throw EstimatorError("needs a reparameterizable family, z = g(ε, λ)")
  }
  guard problem.model is any DifferentiableModel else {
    throw EstimatorError("needs the gradient of the model in z")
  }
}
