import EstimatorStatistics
import Estimators
import ExperimentRunner
import Foundation
import GradientEstimation
import Testing

/// `SumAndSample`, against its definition for each state that may be drawn.
@Suite struct SumAndSampleTests {
  /// Each lane's estimate is that of one state outside C, as frequent as its probability says; over all of them the mean is the exact
  /// gradient. The χ² of m frequencies is above m + 6 √(2m) with a probability of 10⁻⁶ or so.
  @Test(arguments: UnorderedSetTests.cases, UnorderedSet.Baseline.allCases)
  func estimatesAreThoseOfTheDefinition(_ c: UnorderedSetTests.Case, baseline: UnorderedSet.Baseline) throws {
    let all = try EveryState(c.model, c.family, parameters: c.parameters)
    let f = all.states.map(c.model.f), scores = all.scores, q = all.probabilities
    let order = q.indices.sorted { q[$0] > q[$1] }
    let likeliest = order.prefix(c.samples - 1), others = order.dropFirst(c.samples - 1)
    let mass = likeliest.reduce(0) { $0 + q[$1] }, rest = 1 - mass
    let b = baseline == .none ? 0 : likeliest.reduce(0) { $0 + q[$1] * f[$1] } / mass
    let wanted = others.map { z in
      c.parameters.indices.map { p in
        likeliest.reduce(0) { $0 + q[$1] * (f[$1] - b) * scores[$1][p] } + rest * (f[z] - b) * scores[z][p]
      }
    }
    let chances = others.map { q[$0] / rest }
    var mean = all.exact.map { _ in 0.0 }
    for (chance, g) in zip(chances, wanted) { for p in g.indices { mean[p] += chance * g[p] } }
    #expect(agree(mean, all.exact, 1e-11))
    let lanes = 20_000
    var counts = chances.map { _ in 0.0 }
    for found in try all.draw(SumAndSample(baseline: baseline), samples: c.samples, lanes: lanes) {
      counts[try #require(wanted.firstIndex { agree($0, found, 1e-11) })] += 1
    }
    var chi = 0.0
    for (count, q) in zip(counts, chances) { chi += pow(count - q * Double(lanes), 2) / (q * Double(lanes)) }
    #expect(chi < Double(chances.count) + 6 * (2 * Double(chances.count)).squareRoot())
  }

  /// All states taken, nothing is left to chance.
  @Test(arguments: [
    ("bernoulli-toy:target=0.45", "bernoulli", "logit=2.1", 2), ("binary-latent", "bernoulli", "logit=-0.6", 2),
    ("bernoulli-toy:target=0.6x0.51x0.3", "categorical", "logit=1x-0.3x0.2", 3),
  ]) func allStatesAreTheExactGradient(_ model: String, _ family: String, _ point: String, _ samples: Int) async throws
  {
    let names = ["sum-and-sample", "sum-and-sample:baseline=none"]
    let figures = try await Measurement(model: model, at: point, samples: samples, family: family).run(names)
    try check(names.map { Truth(estimator: $0, block: "logit", variance: 0) }, in: figures, familySize: 6)
    for entry in figures.entries {
      #expect(agree(entry.moments.mean, try #require(figures.cell.exact).gradient, 1e-13))
    }
  }

  @Test func refusals() throws {
    let bench = try Bench("bernoulli-toy", family: "bernoulli", at: "initial", samples: 3, lanes: 32)
    let error = #expect(throws: EstimatorError.self) { try bench.run(SumAndSample()) }
    #expect(try #require(error).description == "draws without replacement, at most 2 here, and samples is 3")
    #expect(try SumAndSample().requirements(samples: 2, of: bench.problem).minimumSamples == 2)
    #expect(try SumAndSample(baseline: .none).requirements(samples: 2, of: bench.problem).minimumSamples == 1)
  }
}
