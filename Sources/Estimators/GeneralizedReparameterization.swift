public import GradientEstimation

/// The generalised reparameterization gradient (G-REP): with ε a standardisation of z that depends on λ only in its higher
/// moments, z = h(ε, λ),
///
///     ĝ = (1/K) Σ_k [(∂h/∂λ)ᵀ ∇_z f(z_k) + f(z_k) ∇_λ log π(ε_k; λ)]  + ∇_λ (closed-form terms)
///
/// For families made of gammas, of each gamma variate ε = (log y − ψ(a))/√ψ₁(a).
///
/// - Requires: a family made of gammas (gamma, beta, dirichlet); values and ∇_z of the model.
/// - Bias: none.
/// - Cost: K evaluations and K gradient evaluations.
/// - Reference: Ruiz, Titsias and Blei (2016), equations (6)–(9). They standardise a Dirichlet's log z jointly; here the
///   gammas that it is made of are standardised one by one.
public struct GeneralizedReparameterization: CorrectedReparameterization {
  public var split = Split.monteCarlo

  public init() {}
  public init(split: Split) { self.split = split }

  var transformation: GeneralizedTransformation { .standardizedLogarithm }

  public static let descriptor = Descriptor<Self>(
    id: "generalized-reparam", summary: "generalised reparameterization (G-REP), with its correction",
    equation: "(1/K) Σ_k [(∂h/∂λ)ᵀ ∇_z f(z_k) + f(z_k) ∇_λ log π(ε_k; λ)],  ε = (log y − ψ(a))/√ψ₁(a)",
    notes: [
      Note("Requires", "family gamma, beta or dirichlet; values and ∇_z of the model."),
      Note("Bias", "none."),
      Note("Cost", "K evaluations and K gradient evaluations an estimate."),
      Note("kl", "entropy is what the paper does; monte-carlo adds f's dependence on λ through log q."),
    ],
    references: [Reference("ruiz2016", "equations (6)–(9)")],
    options: [.choice("kl", \.split, "which part of the ELBO is taken in closed form")],
    aliases: [Alias("g-rep")])
}
