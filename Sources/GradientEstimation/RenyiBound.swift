/// The variational Rényi bound of K draws,
///
///     L_α = E_{q^K}[ 1/(1 − α) log (1/K) Σ_k w_k^{1−α} ]
///
/// α = 0 is the importance-weighted bound of K draws (id `iwae`), which rises with K towards log p(x); α → 1 is the ELBO. For
/// α < 0 it is no lower bound of log p(x) as K grows, nor an upper one at small K, and is minimised.
///
/// - Reference: Burda, Grosse and Salakhutdinov (2016), equation (8); Li and Turner (2016), equations (6) and (10).
public struct RenyiBound: MultiSampleObjective {
  public var alpha = 0.5
  public init() {}

  public static let descriptor = Descriptor<Self>(
    id: "renyi", summary: "the variational Rényi bound of K draws; with alpha=0 the importance-weighted bound, iwae",
    equation: "E[1/(1 − α) log (1/K) Σ_k w_k^{1−α}],  w_k = p(x,z_k)/q(z_k)",
    notes: [
      Note("Target", "the expectation of this form for the K at hand; at K = 1 it is the ELBO, whatever α."),
      Note(
        "alpha",
        "0: importance-weighted (iwae), a lower bound that rises with K to log p(x); 1: the ELBO; below 0 it is minimised."
      ),
    ],
    references: [Reference("burda2016", "equation (8)"), Reference("li2016", "equations (6), (10)")],
    options: [.real("alpha", \.alpha, in: RealBounds(lower: -10, upper: 10), "α, the order of the divergence")],
    aliases: [Alias("iwae", options: ["alpha": "0"], isCanonical: true)],
    examples: [
      Example(models: ["binary-latent", "gaussian"]),
      Example(options: ["alpha": "0"], models: ["binary-latent", "gaussian"]),
    ])

  public var isMinimized: Bool { alpha < 0 }

  public func evaluate(
    _ logWeights: UnsafeBufferPointer<Double>, slopes: UnsafeMutableBufferPointer<Double>,
    curvatures: UnsafeMutableBufferPointer<Double>
  ) -> Double { logPowerMean(1 - alpha, of: logWeights, slopes: slopes, curvatures: curvatures) }
}
