import EvidenceEstimation
import EstimatorStatistics
import Foundation
import GradientEstimation
import LatentModels
import Randomness
import Testing

@Suite struct AnnealedImportanceSamplingTests {
  /// p̂ of annealed importance sampling has no bias whatever the path, so neither has the mean of p̂/p over 4000 repetitions of
  /// 4 chains on a path of 4 steps, with tuned step sizes, with one that is given, and from q. The level of 4.4 errors is
  /// 10⁻⁵ each, but for the skewness of p̂.
  @Test func annealedWeightsHaveNoBias() throws {
    let model = try gaussian(2), evidence = try #require(model.logEvidence), problem = try problem(model)
    var fixed = AnnealedImportanceSampling.short, other = AnnealedImportanceSampling.short
    fixed.stepSize = 0.7
    other.start = .family
    for (seed, estimator) in [AnnealedImportanceSampling.short, fixed, other].enumerated() {
      var random = try stream(40 + UInt(seed))
      let data = LaneData(lanes: 4000, parameters: [0.4, 0.4, -0.2, -0.2])
      let estimates = try estimator.estimate(problem, data, samples: 4, random: &random)
      let ratios = MeanInterval(estimates.map { exp($0.value - evidence) })
      let error = try #require(ratios.deviation) / 4000.0.squareRoot()
      #expect(error < 0.05 && abs(ratios.mean - 1) < 4.4 * error, "\(seed): \(ratios.mean) ± \(error)")
    }
  }

  /// A path of one step is importance sampling from where it starts: no transition, the weights those of draws of q.
  @Test func aPathOfOneStepIsImportanceSampling() throws {
    let problem = try problem(try gaussian(3)),
      data = LaneData(lanes: 5, parameters: [0.5, 0.6, 0.7, -0.5, -0.4, -0.3])
    var estimator = AnnealedImportanceSampling()
    (estimator.temperatures, estimator.start) = (1, .family)
    var random = try stream(50), twin = try stream(50)
    let own = try estimator.estimate(problem, data, samples: 64, random: &random)
    let other = try ImportanceSampling().estimate(problem, data, samples: 64, random: &twin)
    for (a, b) in zip(own, other) {
      #expect(abs(a.value - b.value) < 1e-12 && a.acceptance == nil && a.evaluations == 64)
    }
  }

  /// Few chains on a coarse path: the estimate is low, and its error too small. Of 64 data of 10 latents with 16 chains of 50
  /// steps fewer intervals hold log p(x) than a binomial count of 95 % does with probability 10⁻⁶, and more than half are low.
  @Test func fewChainsOfACoarsePathFail() throws {
    let model = try LinearCase(latent: 10, isAutoencoder: true).model(), data = try Data(model, 64)
    let problem = try problem(model)
    var estimator = AnnealedImportanceSampling()
    estimator.temperatures = 50
    var random = try stream(7)
    let estimates = try estimator.estimate(
      problem, LaneData(lanes: 64, parameters: [], observations: data.x), samples: 16, random: &random)
    let scores = try Scores(estimates, data.exact)
    #expect(binomialTail(scores.covered, of: 64, 0.95) < 1e-6 && scores.mean < -4, "\(scores.covered) \(scores.mean)")
  }
}
