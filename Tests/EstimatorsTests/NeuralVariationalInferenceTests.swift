import EstimatorStatistics
import Estimators
import ExperimentRunner
import Foundation
import GradientEstimation
import Testing

/// `NeuralVariationalInference`: what its state makes of an estimate, and what a baseline of the input gains.
@Suite struct NeuralVariationalInferenceTests {
  /// f of bits is 0 or 1 with t = 0: c learns θ, and estimates are (b − c)(b − θ), one bit and one draw.
  @Test func centredSignal() async throws {
    let theta = 0.3
    let figures = try await Measurement(
      model: "bernoulli-toy:target=0", at: "logit=\(log(theta / (1 - theta)))", samples: 1, replicates: 200_000,
      objective: "expectation", family: "bernoulli"
    ).run(["nvil:normalize=false", "score:baseline=mean"])
    let (nvil, mean) = (figures.entries[0], figures.entries[1])
    // With the exact mean the variance is p (1 − 2θ)² Δ²; c is a mean of some thousand draws.
    let truth = theta * (1 - theta) * (1 - 2 * theta) * (1 - 2 * theta)
    #expect(abs(try #require(mean.all).variance - truth) < 0.03 * truth)
    #expect(abs(try #require(nvil.all).variance - truth) < 0.1 * truth)
    #expect(try #require(nvil.all?.bias).p > 1e-4)
  }

  /// A signal of deviation σ above 1 is divided by it: f = (b − t)² with a large t has deviation |1 − 2t| √p.
  @Test func normalisedSignal() async throws {
    let (theta, target) = (0.5, -19.5), deviation = (1 - 2 * target) * 0.5
    let figures = try await Measurement(
      model: "bernoulli-toy:target=\(target)", at: "logit=0", samples: 1, replicates: 200_000,
      objective: "expectation", family: "bernoulli"
    ).run(["nvil", "nvil:normalize=false"])
    let plain = try #require(figures.entries[1].coordinates.first),
      scaled = try #require(
        figures.entries[0].coordinates.first)
    #expect(abs(plain.mean - (1 - 2 * target) * theta * (1 - theta)) < 4 * plain.mcse)
    // σ is an exponentially weighted mean of some thousand squares.
    #expect(abs(plain.mean / scaled.mean - deviation) < 0.1 * deviation)
    #expect(figures.entries[0].entry.biasNote != nil)
  }

  /// Half of the data in a minibatch: which half moves f by more than z does, and C(x) learns it.
  @Test func baselineOfTheInput() async throws {
    let figures = try await Measurement(
      model: "linear-regression:minibatch=16", at: "mean=0,log_scale=-3", samples: 1, replicates: 40_000
    ).run(["nvil:normalize=false", "nvil:normalize=false,learning_rate=0", "score:baseline=mean"])
    let variances = try figures.entries.map { try #require($0.all).variance }
    #expect(variances[0] < 0.5 * variances[1], "\(variances)")
    #expect(abs(variances[1] / variances[2] - 1) < 0.2, "\(variances)")
    for entry in figures.entries { #expect(try #require(entry.all?.bias).p > 1e-4) }
  }
}
