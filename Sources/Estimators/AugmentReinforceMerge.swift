public import GradientEstimation

/// Augment-REINFORCE-merge (ARM): for bits z_d = 1[u_d > σ(−φ_d)] with u uniform, the difference of f between a draw and the one
/// that the mirrored u make, times u less its mean,
///
///     ĝ_d = (1/K) Σ_k [f(1[u_k > σ(−φ)]) − f(1[u_k < σ(φ)])] (u_kd − ½)
///
/// - Requires: values of the model, a family of independent Bernoullis.
/// - Bias: none.
/// - Cost: 2 K evaluations, whatever D; half of them are of the block's own draws.
/// - Reference: Yin and Zhou (2019), theorem 1.
public struct AugmentReinforceMerge: AntitheticPairEstimator {
  public var split = Split.monteCarlo

  public init() {}
  public init(split: Split) { self.split = split }

  public static let descriptor = Descriptor<Self>(
    id: "arm", summary: "augment-REINFORCE-merge: f of bits less f of their mirror image, for independent Bernoullis",
    equation: "(1/K) Σ_k [f(1[u_k > σ(−φ)]) − f(1[u_k < σ(φ)])] (u_k − ½)",
    notes: [
      Note("Requires", "values of the model; a family of independent Bernoullis. f is never taken between 0 and 1."),
      Note("Bias", "none. The λ in the log q of f adds nothing, E ∇ log q = 0, so that f is differenced at one λ."),
      Note(
        "Cost", "2 K evaluations an estimate, whatever D: those of the draws that others share, and as many of its own."
      ),
      Note(
        "Variance",
        "of one bit with f(1) − f(0) = Δ: Δ² [⅔ (⅛ − (m − ½)³) − θ²(1 − θ)²], θ = σ(φ), m = max(θ, 1 − θ); Δ²/25 at most. disarm has never more, at the same cost."
      ),
    ],
    references: [Reference("yin2019", "theorem 1")],
    options: [.choice("kl", \.split, "which part of the ELBO is taken in closed form")])

  static func factor(u: Double, z: Double, mirrored: Double, logit: Double) -> Double { u - 0.5 }
}
