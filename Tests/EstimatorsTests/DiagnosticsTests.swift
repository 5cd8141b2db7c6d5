import EstimatorStatistics
import Estimators
@testable import ExperimentRunner
import Foundation
import GradientEstimation
import LatentModels
import Testing

/// What `"diagnostics": true` measures, against closed forms.
@Suite struct DiagnosticsTests {
  func figures(
    _ model: String, at: String, samples: Int = 1, replicates: Int, _ estimators: [String], threads: Int = 2
  ) async throws -> CellFigures {
    try await Measurement(
      model: model, at: at, samples: samples, replicates: replicates, diagnostics: true
    ).run(estimators)
  }

  /// An interval at 95 % widened to one that a correct figure leaves with probability 1e-5.
  func expect(
    _ truth: Double, in figure: (value: Double, low: Double, high: Double), relativeWidth: Double, _ name: Comment,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let half = 0.5 * (figure.high - figure.low) * 4.42 / 1.96
    #expect(abs(figure.value - truth) < half, "\(name): \(figure) for \(truth)", sourceLocation: sourceLocation)
    #expect(figure.high - figure.low < relativeWidth * truth, "\(name): \(figure)", sourceLocation: sourceLocation)
  }

  /// The score's best multiple of a constant is the optimal baseline: f = z² at mean m, scale s, with
  /// A = m², B = 2ms, C = s².
  @Test(arguments: [(1.0, 0.0, 1), (-0.7, -0.5, 3)]) func headroomOfQuadratics(
    mean m: Double, logScale: Double, samples: Int
  ) async throws {
    let s = exp(logScale), (a, b, c) = (m * m, 2 * m * s, s * s), k = Double(samples)
    let found = try await figures(
      "quadratic:k=0", at: "mean=\(m),log_scale=\(logScale)", samples: samples, replicates: 200_000,
      ["score", "score:baseline=optimal", "reparam"])
    let score = [(2 * b * b + 6 * c * c) / (s * s) / k, (10 * b * b + 24 * c * c) / k]
    let plain = [
      (a * a + 6 * a * c + 2 * b * b + 15 * c * c) / (s * s) / k,
      (2 * a * a + 20 * a * c + 10 * b * b + 74 * c * c) / k,
    ]
    for block in 0..<3 {
      func sum(_ x: [Double]) -> Double { block < 2 ? x[block] : x[0] + x[1] }
      let own = try #require(found.headroom(0, block))
      expect(sum(score), in: own.variance, relativeWidth: 0.3, "score \(block)")
      expect(sum(score) / sum(plain), in: own.ratio, relativeWidth: 0.2, "score ratio \(block)")
      // The optimal baseline leaves nothing to gain.
      let best = try #require(found.headroom(1, block))
      #expect(abs(best.ratio.value - 1) < 1e-3)
    }
    // ∂_mean = (B + 2Ce)/s is constant but for its multiple of the score e/s; ∂_log_scale = Be + 2Ce² keeps Be.
    let pathwise = try (0..<3).map { try #require(found.headroom(2, $0)) }
    #expect(pathwise[0].variance.value < 1e-6 * c)
    expect(b * b / k, in: pathwise[1].variance, relativeWidth: 0.05, "reparam")
    expect(b * b / (b * b + 8 * c * c), in: pathwise[1].ratio, relativeWidth: 0.1, "reparam ratio")
    #expect(found.requested.shares.isEmpty && found.requested.covariances.isEmpty)
  }

  /// E Var(ĝ | S) falls with K, Var(E[ĝ | S]) is what infinitely many draws would leave of the minibatch.
  @Test(arguments: [(1, 1, -3.0), (8, 4, -1.5)]) func sharesOfLinearRegression(
    minibatch: Int, samples: Int, logScale: Double
  ) async throws {
    let found = try await figures(
      "linear-regression:minibatch=\(minibatch),noise=0.8", at: "mean=0.1,log_scale=\(logScale)", samples: samples,
      replicates: 100_000, ["reparam"])
    let model = try #require(found.cell.problem.model as? Regression)
    let point = LinearRegressionPoint(
      design: model.data.design, target: model.data.target, mean: Array(repeating: 0.1, count: 11),
      scale: Array(repeating: exp(logScale), count: 11), noise: 0.8)
    let added = point.added(minibatch: minibatch, samples: samples), full = point.full(samples: samples)
    let lasting = point.added(minibatch: minibatch, samples: 1_000_000_000_000)
    for (block, range) in [0..<11, 11..<22, 0..<22].enumerated() {
      let data = lasting[range].reduce(0, +), total = (full[range] + added[range]).reduce(0, +)
      let parts = try #require(found.shares(0, block))
      for (figure, truth) in [(parts.minibatch, data), (parts.draws, total - data), (parts.share, data / total)] {
        let half = 0.5 * (figure.high - figure.low)
        #expect(abs(figure.value - truth) < 4.42 / 1.96 * half, "\(block): \(figure) for \(truth)")
      }
      #expect(parts.draws.high - parts.draws.low < 0.1 * (total - data))
      #expect(parts.share.high - parts.share.low < 0.1)
      // The parts add up to the variance that was measured on other draws.
      let variance = found.entries[0].blocks[block]
      let sum = parts.minibatch.value + parts.draws.value
      #expect(abs(sum / variance.variance - 1) < 0.1)
    }
    // A test that tells: neither part is nothing.
    let all = try #require(found.shares(0, 2))
    #expect(all.share.low > 0.02 && all.share.high < 0.999)
  }

  /// A baseline b that goes on averaging with decay d has variance (1 − d)/(1 + d) Var f about E f, and adds that times
  /// E s² to what the mean leaves: f = z², Var f = B² + 2C².
  @Test(arguments: [0.5, 0.9]) func adaptingMovingAverage(decay: Double) async throws {
    let (m, s) = (0.4, exp(-0.3)), b = 2 * m * s, c = s * s
    let estimator = decay == 0.9 ? "score:baseline=moving-average" : "score:baseline=moving-average,decay=\(decay)"
    let found = try await figures(
      "quadratic:k=0", at: "mean=0.4,log_scale=-0.3", replicates: 200_000, [estimator, "score:baseline=mean"])
    let added = (1 - decay) / (1 + decay) * (b * b + 2 * c * c)
    let truths = [(2 * b * b + 10 * c * c + added) / (s * s), 10 * b * b + 56 * c * c + 2 * added]
    for block in 0..<3 {
      let truth = block < 2 ? truths[block] : truths[0] + truths[1]
      expect(truth, in: try #require(found.adapting(0, block)), relativeWidth: 0.3, "block \(block)")
      // Exact baselines learn nothing.
      #expect(found.adapting(1, block) == nil)
    }
    // It tells the truth from a baseline that is known, in the mean.
    let mean = try #require(found.adapting(0, 0))
    if decay == 0.5 { #expect((2 * b * b + 10 * c * c) / (s * s) < mean.low) }
  }

  @Test func nothingIsMeasuredThatIsNotAskedFor() async throws {
    let found = try await Measurement(model: "linear-regression:minibatch=10", replicates: 200).run(["reparam"])
    #expect(found.requested.headroom.isEmpty && found.requested.shares.isEmpty && found.headroom(0, 0) == nil)
    #expect(found.shares(0, 0) == nil)
  }
}

/// Tail indices of estimators whose tails are known.
@Suite struct EstimatorTailTests {
  /// `rsvi` without shape augmentation on f = log z: where z is small, |ĝ| ≈ |log z| z^(−⅓), and P(z < t) falls as t^a. So k is
  /// 1/(3a), reached from above because of the logarithm: at a = 1.5 E ĝ⁴ barely exists (k = 2/9), at a = 1 it does not (k = ⅓).
  /// Near 1.7 the density of ĝ has a spike, which the M largest reach down to at a = 1.5 and which makes k̂ larger still.
  /// The implicit derivative is of the order of log z: all its moments exist.
  @Test(arguments: [(1.0, true), (1.5, true), (10, false)]) func rejectionSamplingOfLogarithms(
    _ a: Double, isMarked: Bool
  ) async throws {
    let found = try await Measurement(
      model: "log", at: "log_shape=\(log(a))", replicates: 200_000, family: "gamma"
    ).run(["rsvi:shape_augmentation=0", "reparam"])
    let shape = try #require(found.entries[0].blocks.firstIndex { $0.block.name == "log_shape" })
    let heavy = try #require(found.entries[0].blocks[shape].tail),
      light = try #require(found.entries[1].blocks[shape].tail)
    #expect(heavy.size == 1000 && (heavy.doubt != .nothing) == isMarked, "\(heavy)")
    #expect(heavy.index > 1 / (3 * a) - 3 * heavy.standardError, "\(heavy)")
    #expect(light.doubt == .nothing && (light.index < heavy.index || !isMarked), "\(light)")
  }
}
