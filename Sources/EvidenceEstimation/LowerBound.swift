public import GradientEstimation
public import Randomness

/// The evidence lower bound by K draws of q: no estimate of log p(x), but what is below it by KL(q ‖ p(z | x)),
///
///     (1/K) Σ_k log w_k,   w_k = p(x, z_k) / q_λ(z_k),   z_k ~ q_λ
///
/// - Error: s/√K, of the logarithms of the weights: that of the bound, not of its distance from log p(x).
/// - Cost: K evaluations a lane.
/// - Source: Jordan et al. (1999); Kingma and Welling (2014), equation (2).
public struct LowerBound: EvidenceEstimator {
  public init() {}

  public static let descriptor = Descriptor<Self>(
    id: "lower-bound", summary: "the evidence lower bound, the mean logarithm of the weights of draws of q",
    equation: "(1/K) Σ_k log p(x, z_k)/q_λ(z_k),  z_k ~ q_λ",
    notes: [
      Note("Requires", "a family whose draws are of what the model is of, discrete or not."),
      Note("Bias", "by −KL(q ‖ p(z | x)): it is a bound. What the others are above it is q's divergence."),
      Note("Error", "of the bound, not of its distance from log p(x)."),
      Note("Cost", "K evaluations a datum."),
    ],
    references: [Reference("jordan1999"), Reference("kingma2014", "equation (2)")])

  public var usesFamily: Bool { true }

  public func check(_ problem: Problem, samples: Int) throws(EstimatorError) {
    try problem.checkLatentModel(samples: samples)
  }

  public func estimate(
    _ problem: Problem, _ data: LaneData, samples: Int, random: inout RandomStream
  ) throws(EstimatorError) -> [EvidenceEstimate] {
    try check(problem, samples: samples)
    try data.check(for: problem, usesFamily: true)
    let count = Double(samples)
    return problem.forEvidence.logWeights(data, samples: samples, random: &random).map { weights in
      let mean = weights.reduce(0, +) / count
      let square = weights.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
      return EvidenceEstimate(
        value: mean, standardError: samples > 1 ? (square / (count - 1) / count).squareRoot() : nil,
        evaluations: count)
    }
  }
}
