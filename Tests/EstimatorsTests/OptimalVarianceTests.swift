import Estimators
import ExperimentRunner
import Foundation
import GradientEstimation
import Testing

/// `OptimalVariance`: its moments by going through all states, written out from the definition.
@Suite struct OptimalVarianceTests {
  /// The mean and variance of ĝ on the one-bit model, z ~ Bernoulli(½), p(x = 1 | z) = 0.9 and 0.2, with K draws of
  /// Bernoulli(θ) and S others, over all 2^{K + S} outcomes.
  private func moments(
    _ theta: Double, _ samples: Int, others: Int, gamma: Double
  ) -> (mean: Double, variance: Double) {
    func weight(_ bit: Int) -> Double { bit == 1 ? 0.45 / theta : 0.1 / (1 - theta) }
    func signal(_ w: [Double], _ k: Int) -> Double {
      let total = w.reduce(0, +)
      return log(total / Double(w.count)) - w[k] / total
    }
    var mean = 0.0, square = 0.0
    for outcome in 0..<(1 << (samples + others)) {
      let bits = (0..<samples + others).map { outcome >> $0 & 1 }
      let probability = bits.reduce(1.0) { $0 * ($1 == 1 ? theta : 1 - theta) }
      let w = bits[..<samples].map(weight), total = w.reduce(0, +)
      var estimate = 0.0
      for k in 0..<samples {
        var control = 0.0
        if others > 0 {
          for other in bits[samples...] {
            var replaced = w
            replaced[k] = weight(other)
            control += signal(replaced, k) / Double(others)
          }
        } else {
          let rest = (total - w[k]) / Double(samples - 1)
          control = log(rest) - gamma * w[k] / total + (1 - gamma) * log(1 - 1 / Double(samples))
        }
        estimate += (signal(w, k) - control) * (Double(bits[k]) - theta)
      }
      mean += probability * estimate
      square += probability * estimate * estimate
    }
    return (mean, square - mean * mean)
  }

  @Test(arguments: [(0.5, 2), (0.5, 5), (0.9, 3), (0.2, 4)]) func momentsHold(_ theta: Double, _ samples: Int)
    async throws
  {
    let texts = ["ovis:auxiliary=2", "ovis:control=asymptotic", "ovis:control=asymptotic,gamma=1"]
    let figures = try await Measurement(
      model: "binary-latent", at: "logit=\(log(theta / (1 - theta)))", samples: samples, replicates: 400_000,
      objective: "iwae", family: "bernoulli"
    ).run(texts)
    let truths = [(2, 0.0), (0, 0), (0, 1)].map { moments(theta, samples, others: $0, gamma: $1) }
    try check(
      zip(texts, truths).map { Truth(estimator: $0, block: "logit", variance: $1.variance) }, in: figures,
      familySize: 12, relativeHalfWidth: 0.05)
    let exact = try #require(figures.cell.exact).gradient[0]
    for (e, truth) in truths.enumerated() {
      let found = try #require(figures.entries[e].coordinates.first)
      #expect(abs(found.mean - truth.mean) < 4.5 * found.mcse)
      // The unbiased ones have the bound's gradient to rounding; the limit of many draws has not.
      #expect((abs(truth.mean - exact) < 1e-12) == (e < 2))
    }
  }

  /// The expectation that the biased one states.
  @Test func statedExpectation() throws {
    let elbo = try Bench("binary-latent", family: "bernoulli", at: "logit=0.4", samples: 3, lanes: 1).problem
    var bound = RenyiBound()
    bound.alpha = 0
    let problem = try Problem(model: elbo.model, family: elbo.family, objective: bound, sampling: elbo.sampling)
    for gamma in [0.3, 1] {
      var estimator = OptimalVariance()
      (estimator.control, estimator.gamma) = (.asymptotic, gamma)
      let stated = try #require(
        estimator.expectedGradient(of: problem, samples: 3, parameters: [0.4]))
      let theta = 1 / (1 + exp(-0.4))
      #expect(abs(stated[0] - moments(theta, 3, others: 0, gamma: gamma).mean) < 1e-13)
    }
  }

  @Test func refusals() throws {
    let elbo = try Bench("binary-latent", family: "bernoulli", at: "logit=0", samples: 2, lanes: 1).problem
    #expect(throws: EstimatorError.self) { try OptimalVariance().requirements(samples: 2, of: elbo) }
    var estimator = OptimalVariance()
    estimator.gamma = 0.5
    #expect(throws: ComponentError.self) { try estimator.check() }
  }
}
