public import GradientEstimation
public import Randomness

/// Importance sampling from q: with z_k ~ q_λ independent,
///
///     log p̂(x) = log (1/K) Σ_k w_k,   w_k = p(x, z_k) / q_λ(z_k)
///
/// - Requires: a family whose draws are of the model's support. Discrete or not, with or without gradients.
/// - Bias: p̂ has none; its logarithm is low, by Var(p̂)/2p² = se²/2 as K grows: E log p̂ is the importance-weighted bound of K.
/// - Error: by the delta method, s/(√K w̄). Where q's tails are lighter than the posterior's the weights have no variance, and k̂
///   says so.
/// - Cost: K evaluations a lane. Draws are gone through in blocks; K logarithms of weights are kept.
/// - Source: Burda et al. (2016), equation (8); Vehtari et al. (2024), of k̂.
public struct ImportanceSampling: EvidenceEstimator {
  public init() {}

  public static let descriptor = Descriptor<Self>(
    id: "importance-sampling", summary: "the mean weight p(x, z)/q(z) of draws of q",
    equation: "log (1/K) Σ_k p(x, z_k)/q_λ(z_k),  z_k ~ q_λ",
    notes: [
      Note("Requires", "a family whose draws are of what the model is of, discrete or not."),
      Note(
        "Bias",
        "the mean weight has none. Its logarithm is low by half its squared standard error, to first order: its expectation is the importance-weighted bound of K draws."
      ),
      Note(
        "Error",
        "the delta method's, from the spread of the weights. Beyond k̂ = 0.7 neither it nor the estimate is to be trusted: q has lighter tails than the posterior."
      ),
      Note("Cost", "K evaluations a datum."),
    ],
    references: [Reference("burda2016", "equation (8)"), Reference("vehtari2024")])

  public var usesFamily: Bool { true }

  public func check(_ problem: Problem, samples: Int) throws(EstimatorError) {
    try problem.checkLatentModel(samples: samples)
  }

  public func estimate(
    _ problem: Problem, _ data: LaneData, samples: Int, random: inout RandomStream
  ) throws(EstimatorError) -> [EvidenceEstimate] {
    try check(problem, samples: samples)
    try data.check(for: problem, usesFamily: true)
    return problem.forEvidence.logWeights(data, samples: samples, random: &random).map { weights in
      let mean = LogMeanWeight(weights)
      return EvidenceEstimate(
        value: mean.value, standardError: mean.standardError, paretoShape: mean.paretoShape,
        evaluations: Double(samples))
    }
  }
}

extension Problem {
  /// log p(x, z_k) − log q(z_k) of K draws of q, lane by lane. Draws are gone through in blocks.
  func logWeights(_ data: LaneData, samples: Int, random: inout RandomStream) -> [[Double]] {
    let widths = widths(of: samples, dimension: model.dimension)
    var block = block(lanes: widths[0]), all: [[Double]] = []
    for lane in 0..<data.lanes {
      var weights: [Double] = []
      weights.reserveCapacity(samples)
      let parameters = data.parameters(of: lane, count: parameterCount)
      for (place, width) in widths.enumerated() {
        if block.shape.lanes != width { block = self.block(lanes: width) }
        if place == 0 || width != widths[place - 1] {
          block.draws.parameters = parameters
          block.draws.observations = data.observations(of: lane, width: width)
        }
        block.sample(self, random: &random)
        block.evaluate(Quantities(values: [.prior, .likelihood, .entropy]), of: self)
        let prior = block.evaluation.values(of: .prior), likelihood = block.evaluation.values(of: .likelihood)
        let entropy = block.evaluation.values(of: .entropy)
        for k in 0..<width { weights.append(prior[k] + likelihood[k] + entropy[k]) }
      }
      all.append(weights)
    }
    return all
  }

  private func block(lanes: Int) -> DrawBlock {
    DrawBlock(shape: shape(samples: 1, lanes: lanes), parameters: Array(repeating: 0, count: parameterCount))
  }
}
