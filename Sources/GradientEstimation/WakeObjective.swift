/// The wake-phase update of q in reweighted wake–sleep: λ follows
///
///     E_{q^K}[ Σ_k w̃_k ∇_λ log q_λ(z_k) ],   w̃_k = w_k / Σ_j w_j
///
/// the self-normalised estimate of −∇_λ KL(p(z | x) ‖ q_λ), the inclusive divergence. The value is that of −KL by the same weights,
/// log (1/K) Σ w_k − Σ_k w̃_k ℓ_k. At K = 1 the weight is 1 and the update is zero in expectation.
///
/// - Reference: Bornschein and Bengio (2015), equation (8); Le, Kosiorek, Siddharth, Teh and Wood (2019), section 3.
public struct WakeObjective: MultiSampleObjective {
  public init() {}

  public static let descriptor = Descriptor<Self>(
    id: "wake",
    summary: "the wake phase of reweighted wake–sleep: the inclusive divergence KL(p ‖ q), by K weighted draws",
    equation: "E[Σ_k w̃_k ∇_λ log q(z_k)],  w̃_k = w_k/Σ_j w_j",
    notes: [
      Note("Target", "the expectation of this K-draw form; for K → ∞ it is −∇_λ KL(p(z|x) ‖ q)."),
      Note("Value", "log (1/K) Σ w_k − Σ_k w̃_k log w_k, an estimate of −KL(p(z|x) ‖ q)."),
      Note("Model parameters", "follow the importance-weighted bound of the same draws."),
    ],
    references: [Reference("bornschein2015", "equation (8)"), Reference("le2019", "section 3")],
    examples: [Example(models: ["binary-latent", "gaussian"])])

  public var rule: MultiSampleRule { .weightedScore }

  public func evaluate(
    _ logWeights: UnsafeBufferPointer<Double>, slopes: UnsafeMutableBufferPointer<Double>,
    curvatures: UnsafeMutableBufferPointer<Double>
  ) -> Double {
    var value = logPowerMean(1, of: logWeights, slopes: slopes, curvatures: curvatures)
    for k in logWeights.indices where slopes[k] != 0 { value -= slopes[k] * logWeights[k] }
    return value
  }
}
