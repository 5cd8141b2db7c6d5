internal import CKernels
public import GradientEstimation

/// DisARM, or U2G: the expectation of ARM given the two bits of each coordinate, in place of the u that made them,
///
///     ĝ_d = (1/K) Σ_k ½ [f(z_k) − f(z̃_k)] (z_kd − z̃_kd) σ(|φ_d|)
///
/// z = 1[u > σ(−φ)] and its mirror image z̃ = 1[u < σ(φ)], as in `AugmentReinforceMerge`. A coordinate whose two bits are the same
/// has an estimate of zero.
///
/// - Requires: values of the model, a family of independent Bernoullis.
/// - Bias: none.
/// - Cost: 2 K evaluations, whatever D; half of them are of the block's own draws.
/// - Reference: Dong, Mnih and Tucker (2020), section 3; U2G of Yin, Ho, Yan, Qian and Zhou (2020).
public struct DisARM: AntitheticPairEstimator {
  public var split = Split.monteCarlo

  public init() {}
  public init(split: Split) { self.split = split }

  public static let descriptor = Descriptor<Self>(
    id: "disarm", summary: "DisARM (U2G): arm with the uniform numbers integrated out, for independent Bernoullis",
    equation: "(1/K) Σ_k ½ [f(z_k) − f(z̃_k)] (z_k − z̃_k) σ(|φ|)",
    notes: [
      Note("Requires", "values of the model; a family of independent Bernoullis. f is never taken between 0 and 1."),
      Note("Bias", "none. The λ in the log q of f adds nothing, E ∇ log q = 0, so that f is differenced at one λ."),
      Note(
        "Cost", "2 K evaluations an estimate, whatever D: those of the draws that others share, and as many of its own."
      ),
      Note(
        "Variance",
        "never above arm's, and of one bit never above that of score:baseline=leave-one-out with two draws. With f(1) − f(0) = Δ it is Δ² [m²(1 − m)/2 − θ²(1 − θ)²], θ = σ(φ), m = max(θ, 1 − θ): nothing at θ = ½."
      ),
    ],
    references: [Reference("dong2020", "section 3"), Reference("yin2020")],
    options: [.choice("kl", \.split, "which part of the ELBO is taken in closed form")],
    aliases: [Alias("u2g")])

  static func factor(u: Double, z: Double, mirrored: Double, logit: Double) -> Double {
    0.5 * (z - mirrored) * wb_sigmoid(abs(logit))
  }
}
