import EstimatorStatistics
import Estimators
import ExperimentRunner
import Foundation
import GradientEstimation
import Testing
import VariationalFamilies

/// `MuProp`: TRUTHS 2's closed form on one bit; several variables by going through all states, of which its estimate is a function.
@Suite struct MuPropTests {
  static let points = [(0.499, 0.5), (0.499, 0.3), (0.45, 0.9), (0.2, 0.35), (0.7, 0.62), (-3, 0.08)]

  /// Var = p (1 − 3p)², whatever t.
  @Test(arguments: points, generators)
  func variancesOfTheToy(_ point: (t: Double, theta: Double), generator: String) async throws {
    let p = point.theta * (1 - point.theta)
    let figures = try await Measurement(
      model: "bernoulli-toy:target=\(point.t)", at: MultiSampleTests.point(point.theta), samples: 2,
      replicates: 400_000, generator: generator, family: "bernoulli"
    ).run(["muprop"])
    let truth = Truth(estimator: "muprop", block: "logit", variance: p * pow(1 - 3 * p, 2) / 2)
    try check([truth], in: figures, familySize: 2 * Self.points.count, relativeHalfWidth: 0.06)
    #expect(try #require(figures.entries.first?.all?.bias).p > 1e-5)
  }

  /// Its definition, written out for one draw z: f, ∇f and the score.
  static func estimate(
    _ model: CoupledCost, _ z: [Double], mean: [Double], pulledBack: ([Double]) -> [Double]
  ) -> [Double] {
    let slopes = z.indices.map { model.slope(mean, $0) }
    var weight = model.f(z) - model.f(mean)
    for d in z.indices { weight -= slopes[d] * (z[d] - mean[d]) }
    return zip(pulledBack(slopes), z.indices).map { $0 + weight * (z[$1] - mean[$1]) }
  }

  @Test func coupledBits() throws {
    let model = CoupledCost(dimension: 4), logits = [0.4, -1.1, 0, 2.3]
    let all = try EveryState(model, MeanFieldBernoulli(dimension: 4), parameters: logits)
    let mean = logits.map { 1 / (1 + exp(-$0)) }
    let estimates = try all.estimates(of: MuProp())
    for (z, found) in zip(all.states, estimates) {
      let wanted = Self.estimate(model, z, mean: mean) { slopes in
        mean.indices.map { mean[$0] * (1 - mean[$0]) * slopes[$0] }
      }
      #expect(agree(found, wanted))
    }
    let found = all.moments(estimates)
    #expect(agree(found.mean, all.exact))
    // f moves more by its slopes than by its coupling.
    let score = all.moments(try all.estimates(of: ScoreFunction(baseline: .mean)))
    #expect(found.variance.reduce(0, +) < score.variance.reduce(0, +))
  }

  @Test func coupledCategories() throws {
    let model = CoupledCost(dimension: 6), logits = [0.4, -1.1, 0, 2.3, 1, 0.2]
    let all = try EveryState(model, MeanFieldCategorical(dimension: 6, categories: 3), parameters: logits)
    let mean = [0, 3].flatMap { first in
      let weights = (0..<3).map { exp(logits[first + $0]) }
      return weights.map { $0 / weights.reduce(0, +) }
    }
    let estimates = try all.estimates(of: MuProp())
    for (z, found) in zip(all.states, estimates) {
      let wanted = Self.estimate(model, z, mean: mean) { slopes in
        mean.indices.map { c in
          let first = c / 3 * 3, average = (first..<first + 3).reduce(0) { $0 + mean[$1] * slopes[$1] }
          return mean[c] * (slopes[c] - average)
        }
      }
      #expect(agree(found, wanted))
    }
    #expect(agree(all.moments(estimates).mean, all.exact))
  }

  /// Log p and log q of one bit are linear between 0 and 1: nothing is left, and the mean is exact by every split.
  @Test func nothingIsLeftOfLinearIntegrands() async throws {
    let names = ["muprop", "muprop:kl=entropy", "muprop:kl=analytic"]
    let figures = try await Measurement(model: "binary-latent", at: "logit=0.7", samples: 2, family: "bernoulli").run(
      names)
    try check(
      names.map { Truth(estimator: $0, block: "logit", variance: 0) }, in: figures, familySize: names.count)
    for entry in figures.entries {
      #expect(agree(entry.moments.mean, try #require(figures.cell.exact).gradient, 1e-13))
    }
  }

  /// f between its points is refused where the model has none, and a family without logits of its own.
  @Test func refusals() throws {
    struct States: CostFunction {
      let dimension = 1
      let sense = Sense.minimize
      func evaluate(_ needed: Quantities, at draws: borrowing Draws, into evaluation: inout Evaluation) {}
    }
    let table = try EveryState(States(), MeanFieldBernoulli(dimension: 1), parameters: [0])
    let error = #expect(throws: EstimatorError.self) { try MuProp().requirements(samples: 1, of: table.problem) }
    #expect(try #require(error).description.contains("between its discrete points"))
    let bench = try Bench("bernoulli-toy", family: "autoregressive-bernoulli", at: "initial", samples: 1, lanes: 32)
    let other = #expect(throws: EstimatorError.self) { try bench.run(MuProp()) }
    #expect(try #require(other).description.contains("independent bits or categories"))
  }
}
