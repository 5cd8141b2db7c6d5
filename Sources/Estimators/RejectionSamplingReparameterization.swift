public import GradientEstimation

/// Rejection sampling variational inference (RSVI): with ε the accepted proposal of a rejection sampler, z = h(ε, λ),
///
///     ĝ = (1/K) Σ_k [(∂h/∂λ)ᵀ ∇_z f(z_k) + f(z_k) ∇_λ log π(ε_k; λ)]  + ∇_λ (closed-form terms)
///
/// For families made of gammas, Marsaglia and Tsang's sampler at shape a + B, followed by B steps down in shape, each by a
/// uniform: h(ε, a) = (a + B − ⅓)(1 + ε/√(9(a + B) − 3))³ Π_i u_i^{1/(a+i−1)}. The larger B, the smaller the correction.
///
/// - Requires: a family made of gammas (gamma, beta, dirichlet) with a + B ≥ 1, elsewhere the estimate is not a number and
///   counted as such; values and ∇_z of the model.
/// - Bias: none.
/// - Cost: K evaluations and K gradient evaluations.
/// - Reference: Naesseth, Ruiz, Linderman and Blei (2017), equations (5)–(7); they take the entropy in closed form, `kl=entropy`.
public struct RejectionSamplingReparameterization: CorrectedReparameterization {
  /// B
  public var shapeAugmentation = 1
  public var split = Split.monteCarlo

  public init() {}

  public init(shapeAugmentation: Int, split: Split = .monteCarlo) {
    self.shapeAugmentation = shapeAugmentation
    self.split = split
  }

  var transformation: GeneralizedTransformation { .rejectionSampler(augmentation: shapeAugmentation) }

  public static let descriptor = Descriptor<Self>(
    id: "rsvi", summary: "reparameterization through a rejection sampler, with its correction",
    equation: "(1/K) Σ_k [(∂h/∂λ)ᵀ ∇_z f(z_k) + f(z_k) ∇_λ log π(ε_k; λ)]",
    notes: [
      Note(
        "Requires",
        "family gamma, beta or dirichlet, with shapes a + B ≥ 1: an estimate elsewhere is not a number, and counted as such; values and ∇_z of the model."
      ),
      Note("Bias", "none."),
      Note("Cost", "K evaluations and K gradient evaluations an estimate."),
      Note(
        "shape_augmentation",
        "B ≥ 0: Marsaglia and Tsang's sampler works at shape a + B. The correction falls as B grows, and what is left is a pathwise derivative of B more steps. The uniforms of the steps are the estimator's own."
      ),
      Note("kl", "entropy is what the paper does; monte-carlo adds f's dependence on λ through log q."),
    ],
    references: [Reference("naesseth2017", "equations (5)–(7)"), Reference("marsaglia2000gamma")],
    options: [
      .integer("shape_augmentation", \.shapeAugmentation, in: 0...100, "B, what is added to the shape before sampling"),
      .choice("kl", \.split, "which part of the ELBO is taken in closed form"),
    ],
    examples: [Example(), Example(options: ["shape_augmentation": "0"])])
}
