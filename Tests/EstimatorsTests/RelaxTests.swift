import Estimators
import ExperimentRunner
import Foundation
import GradientEstimation
import Testing

/// RELAX: no bias, and what its surrogate learns.
@Suite struct RelaxTests {
  /// Of one bit a baseline leaves nothing, and it is among what is learned.
  @Test(arguments: [(0.499, 0.3), (0.45, 0.9), (0.7, 0.62)]) func oneBitIsLearned(_ t: Double, _ theta: Double)
    async throws
  {
    let figures = try await Measurement(
      model: "bernoulli-toy:target=\(t)", at: "logit=\(log(theta / (1 - theta)))", replicates: 20_000,
      family: "bernoulli"
    ).run(["relax", "score"])
    let variances = figures.entries.map { $0.all?.variance ?? .nan }
    #expect(variances[0] < 1e-3 * variances[1])
    let coordinate = try #require(figures.entries.first?.coordinates.first)
    #expect(abs(coordinate.mean - (1 - 2 * t) * theta * (1 - theta)) < 5 * coordinate.mcse)
  }

  /// Of several coordinates: unbiased in each, and below `rebar` and the mean baseline.
  @Test(arguments: ["bernoulli", "categorical:categories=3"], generators)
  func severalCoordinates(_ family: String, generator: String) async throws {
    let names = ["relax", "rebar", "score:baseline=mean"]
    let figures = try await Measurement(
      model: "bernoulli-toy:target=0.6x0.51x0.3", at: "logit=0.7x-0.4x0.2", replicates: 300_000, generator: generator,
      family: family
    ).run(names)
    let variances = try names.map { name in
      try #require(figures.entries.first { $0.entry.text == name }?.all).variance
    }
    #expect(variances[0] < variances[1] && variances[0] < variances[2])
    for entry in figures.entries {
      for c in entry.coordinates { #expect(abs(c.biasZ ?? .infinity) < 4.5, "\(entry.entry.text)") }
    }
  }

  /// Before anything is learned it is the score function, bit for bit.
  @Test func startsAsTheScoreFunction() throws {
    let bench = try Bench("binary-latent", family: "bernoulli", at: "logit=0.4", samples: 2, lanes: 16)
    #expect(agree(try bench.run(Relax()), try bench.run(ScoreFunction()), 1e-15))
  }
}
