import EstimatorStatistics
import Foundation
import GradientEstimation
import Testing

@testable import ExperimentRunner

/// The gradient in the model's parameters, at the draws of the estimators in λ.
@Suite struct ModelParametersTests {
  private func cells(_ members: String) async throws -> [CellFigures] {
    let reading = try Reading(members: members)
    let plan = try #require(reading.plan, "\(reading.faults)")
    return try await Experiment.run(plan, reading.spec, threads: 2) { _ in true }.cells
  }

  /// z ~ N(0, 1), x = 2 of noise 1, q = N(1.5, 2/3): at K = 1 the prior mean's gradient is z − 0 of mean 1.5 and variance 2/3.
  @Test func oneDrawOfTheNormalModel() async throws {
    let cell = try #require(
      try await cells(
        #""model": {"id": "gaussian", "options": {"x": 2, "learn": "prior-mean"}}, "estimators": ["reparam"], "samples": 1, "replicates": 40000, "at": {"mean": 1.5, "log_scale": -0.202732554054082}"#
      ).first)
    let block = try #require(cell.modelBlock.first?.figures)
    #expect(block.block.name == "model_parameters")
    #expect(block.interval.low...block.interval.high ~= 2.0 / 3)
    let coordinate = try #require(cell.model?.coordinates.first)
    #expect(abs(coordinate.mean - 1.5) < 4 * coordinate.mcse)
  }

  /// By enumeration: the gradient in θ of log (1/K) Σ w is the mean of Σ w̃ ∇ log p, for every rule in λ the same.
  @Test(arguments: [
    #""iwae""#, #"{"id": "renyi", "options": {"alpha": 0.5}}"#, #"{"id": "jackknife", "options": {"order": 1}}"#,
    #""chi""#, #""wake""#,
  ])
  func enumeratedGradients(_ objective: String) async throws {
    let cell = try #require(
      try await cells(
        #""model": {"id": "binary-latent", "options": {"learn": "all", "prior": 0.3}}, "family": "bernoulli", "objective": \#(objective), "estimators": ["score"], "samples": 3, "replicates": 30000, "at": {"logit": 0.7}"#
      ).first)
    let block = try #require(cell.modelBlock.first?.figures)
    #expect(try #require(block.bias).p > 1e-4)
    #expect(try #require(block.exactNorm) > 0.01)
  }

  /// ∇_θ log p(x) is the limit: the posterior is q where all weights are equal, and there one draw has it in expectation.
  @Test func atThePosteriorItIsTheEvidence() throws {
    let reading = try Reading(
      members:
        #""model": {"id": "binary-latent", "options": {"learn": "all", "prior": 0.3, "one": 0.8, "zero": 0.1}}, "family": "bernoulli", "at": "posterior", "samples": [1, 3]"#
    )
    for cell in try #require(reading.plan).cells {
      let (prior, one, zero) = (0.3, 0.8, 0.1), evidence = prior * one + (1 - prior) * zero
      let gradient = try #require(cell.exact?.modelGradient)
      let expected = [
        prior * (1 - prior) * (one - zero), prior * one * (1 - one), (1 - prior) * zero * (1 - zero),
      ].map { $0 / evidence }
      for (a, b) in zip(gradient, expected) { #expect(abs(a - b) < 1e-14) }
    }
  }

  /// Rainforth et al. (2018), theorem 1, and Tucker et al. (2019): with K draws the signal-to-noise ratio of the encoder's
  /// gradient goes as K^{−1/2}, as K^{+1/2} under DReG, and that of the model's parameters as K^{+1/2}.
  @Test func signalToNoise() async throws {
    let replicates = 200_000.0, draws = [16.0, 256]
    let cells = try await cells(
      #""model": {"id": "gaussian", "options": {"x": 2, "learn": "prior-mean"}}, "objective": "iwae", "rng": "xoshiro256x8", "estimators": ["reparam", "dreg"], "samples": [16, 256], "replicates": 200000, "at": {"mean": 1.5, "log_scale": -0.20273255405408219}"#
    )
    func slope(_ block: (CellFigures) -> BlockFigures?) throws -> (value: Double, error: Double) {
      let ratios = try cells.map { try #require(block($0)?.snr) }
      // Of the mean over the deviation of R normals: variance (1 + snr²/2)/R.
      let errors = ratios.map { ((1 + $0 * $0 / 2) / replicates).squareRoot() / $0 }
      let width = log(draws[1] / draws[0])
      return (log(ratios[1] / ratios[0]) / width, (errors[0] * errors[0] + errors[1] * errors[1]).squareRoot() / width)
    }
    let encoder = try slope { $0.entries[0].blocks.first }, doubly = try slope { $0.entries[1].blocks.first }
    let model = try slope { $0.modelBlock.first?.figures }
    // The law is of large K: at 16 it is off by some hundredths.
    for (found, expected) in [(encoder, -0.5), (doubly, 0.5), (model, 0.5)] {
      #expect(abs(found.value - expected) < 0.02 + 4 * found.error)
    }
    #expect(encoder.error < 0.04 && doubly.error < 0.001 && model.error < 0.001)
  }

  /// Every estimator's rows end with the block; a model without parameters to learn has none.
  @Test func rows() async throws {
    for (learned, count) in [("prior-mean", 2), ("none", 0)] {
      let reading = try Reading(
        members:
          #""model": {"id": "gaussian", "options": {"x": 2, "learn": "\#(learned)"}}, "estimators": ["score", "reparam"], "replicates": 100"#
      )
      let results = try await Experiment.run(try #require(reading.plan), reading.spec, threads: 1) { _ in true }
      let blocks = CSVFiles.varianceRows(results).map { $0[10].csv }
      #expect(blocks.count { $0 == "model_parameters" } == count)
      #expect(CSVFiles.coordinateRows(results).count { $0[10].csv == "model_parameters" } == count)
      #expect(CSVFiles.comparisonRows(results).allSatisfy { $0[9].csv != "model_parameters" })
    }
  }
}
