import EstimatorStatistics
import Estimators
import ExperimentRunner
import Foundation
import GradientEstimation
import Testing
import VariationalFamilies

/// `LocalExpectation`, by going through all states: its estimate is a function of the state drawn.
@Suite struct LocalExpectationTests {
  /// Four bits of which each hangs on the others: mean and variance are those of p_d [f(z_d = 1) − f(z_d = 0)] over the others.
  @Test func coupledBits() throws {
    let model = CoupledCost(dimension: 4), logits = [0.4, -1.1, 0, 2.3]
    let all = try EveryState(model, MeanFieldBernoulli(dimension: 4), parameters: logits)
    let found = all.moments(try all.estimates(of: LocalExpectation()))
    let wanted = all.moments(
      all.states.map { z in
        logits.indices.map { d in
          let q = 1 / (1 + exp(-logits[d]))
          return q * (1 - q) * model.slope(z, d)
        }
      })
    #expect(agree(found.mean, all.exact) && agree(found.mean, wanted.mean))
    #expect(agree(found.variance, wanted.variance))
    let score = all.moments(try all.estimates(of: ScoreFunction(baseline: .optimal)))
    for p in logits.indices { #expect(found.variance[p] > 0.01 && found.variance[p] < score.variance[p]) }
  }

  /// Two variables of three categories: given the other, π_c (f_c − Σ_j π_j f_j).
  @Test func coupledCategories() throws {
    let model = CoupledCost(dimension: 6), logits = [0.4, -1.1, 0, 2.3, 1, 0.2]
    let all = try EveryState(model, MeanFieldCategorical(dimension: 6, categories: 3), parameters: logits)
    let found = all.moments(try all.estimates(of: LocalExpectation()))
    let wanted = all.moments(
      all.states.map { z in
        [0, 3].flatMap { first in
          let weights = (0..<3).map { exp(logits[first + $0]) }, total = weights.reduce(0, +)
          let f = (0..<3).map { c in
            var other = z
            for j in 0..<3 { other[first + j] = j == c ? 1 : 0 }
            return model.f(other)
          }
          let mean = (0..<3).reduce(0) { $0 + weights[$1] / total * f[$1] }
          return (0..<3).map { weights[$0] / total * (f[$0] - mean) }
        }
      })
    #expect(agree(found.mean, all.exact) && agree(found.mean, wanted.mean))
    #expect(agree(found.variance, wanted.variance) && found.variance.allSatisfy { $0 > 1e-3 })
  }

  /// One variable has no variance, nor has a sum over variables: TRUTHS 2's toy, and the ELBO of one bit.
  @Test(arguments: [
    ("bernoulli-toy:target=0.499", "bernoulli", "logit=0.85"),
    ("bernoulli-toy:target=0.6x0.51x0.3", "bernoulli", "logit=0.85"),
    ("bernoulli-toy:target=0.6x0.51x0.3", "categorical", "logit=1x-0.3x0.2"),
    ("binary-latent", "bernoulli", "logit=-0.6"),
  ]) func sumsHaveNoVariance(_ model: String, _ family: String, _ point: String) async throws {
    let figures = try await Measurement(model: model, at: point, samples: 2, family: family).run([
      "local-expectation", "exact",
    ])
    try check([Truth(estimator: "local-expectation", block: "logit", variance: 0)], in: figures, familySize: 4)
    let mean = try #require(figures.entries.first).moments.mean
    let exact = try #require(figures.cell.exact).gradient
    #expect(agree(mean, exact, 1e-13))
  }

  @Test func cost() throws {
    let bits = try EveryState(
      CoupledCost(dimension: 4), MeanFieldBernoulli(dimension: 4), parameters: [0, 0, 0, 0])
    #expect(try LocalExpectation().requirements(samples: 3, of: bits.problem).evaluations == 15)
    let categories = try EveryState(
      CoupledCost(dimension: 6), MeanFieldCategorical(dimension: 6, categories: 3),
      parameters: .init(repeating: 0, count: 6))
    #expect(try LocalExpectation().requirements(samples: 1, of: categories.problem).evaluations == 5)
  }

  @Test func dependentBitsAreRefused() throws {
    let bench = try Bench("bernoulli-toy", family: "autoregressive-bernoulli", at: "initial", samples: 1, lanes: 32)
    let error = #expect(throws: EstimatorError.self) { try bench.run(LocalExpectation()) }
    #expect(try #require(error).description.contains("independent bits or categories"))
  }
}
