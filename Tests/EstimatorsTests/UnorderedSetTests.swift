import EstimatorStatistics
import Estimators
import ExperimentRunner
import Foundation
import GradientEstimation
import Randomness
import Testing
import VariationalFamilies

/// `UnorderedSet`, against Kool's definition written out over all orders of all sets.
@Suite struct UnorderedSetTests {
  /// The definition for states of probabilities p, values f and scores s.
  struct Definition {
    let p, f: [Double]
    let scores: [[Double]]

    /// P^{∖without}(set): the sum over its orders.
    func probability(_ set: [Int], without: [Int] = []) -> Double {
      func ordered(_ rest: [Int], _ left: Double) -> Double {
        if rest.isEmpty { return 1 }
        return rest.reduce(0) { sum, s in sum + p[s] / left * ordered(rest.filter { $0 != s }, left - p[s]) }
      }
      return ordered(set, 1 - without.reduce(0) { $0 + p[$1] })
    }

    func estimate(_ set: [Int], hasBaseline: Bool) -> [Double] {
      var gradient = scores[0].map { _ in 0.0 }
      for s in set {
        let others = set.filter { $0 != s }
        let ratio = probability(others, without: [s]) / probability(set)
        var signal = f[s]
        if hasBaseline {
          signal -= p[s] * f[s]
          for t in others {
            let pair = others.filter { $0 != t }
            signal -= p[t] * probability(pair, without: [s, t]) / probability(others, without: [s]) * f[t]
          }
        }
        for i in gradient.indices { gradient[i] += p[s] * ratio * signal * scores[s][i] }
      }
      return gradient
    }

    func sets(of count: Int) -> [[Int]] {
      (0..<1 << p.count).filter { $0.nonzeroBitCount == count }.map { bits in p.indices.filter { bits >> $0 & 1 == 1 } }
    }
  }

  struct Case: Sendable, CustomTestStringConvertible {
    let name: String
    let model: CoupledCost
    let family: any EnumerableFamily
    let parameters: [Double]
    let samples: Int
    var testDescription: String { "\(name), K = \(samples)" }
  }

  static let cases: [Case] = {
    let bits: [Double] = [0.4, -1.1, 0.8], variable = [0.3, -0.9, 1.2, 0.1, -2]
    let chain = bits + [0.5, -0.7, 1.3]
    var cases: [Case] = []
    for samples in 2...4 {
      cases.append(
        Case(
          name: "bits", model: CoupledCost(dimension: 3), family: MeanFieldBernoulli(dimension: 3), parameters: bits,
          samples: samples))
      cases.append(
        Case(
          name: "dependent bits", model: CoupledCost(dimension: 3), family: AutoregressiveBernoulli(dimension: 3),
          parameters: chain, samples: samples))
      cases.append(
        Case(
          name: "a variable", model: CoupledCost(dimension: 5),
          family: MeanFieldCategorical(dimension: 5, categories: 5), parameters: variable, samples: samples))
    }
    return cases
  }()

  /// Each lane's estimate is that of one of the sets; the sets are as frequent as their probability says; and over all sets the mean is
  /// the exact gradient. With the number of sets m the χ² of the frequencies is at most m + 6 √(2m) with a probability of 10⁻⁶ or so.
  @Test(arguments: cases, UnorderedSet.Baseline.allCases)
  func estimatesAreThoseOfTheDefinition(_ c: Case, baseline: UnorderedSet.Baseline) throws {
    let all = try EveryState(c.model, c.family, parameters: c.parameters)
    let f = all.states.map(c.model.f)
    let definition = Definition(p: all.probabilities, f: f, scores: all.scores)
    let sets = definition.sets(of: c.samples)
    let wanted = sets.map { definition.estimate($0, hasBaseline: baseline == .builtIn) }
    let chances = sets.map { definition.probability($0) }
    #expect(abs(chances.reduce(0, +) - 1) < 1e-12)
    var mean = all.exact.map { _ in 0.0 }
    for (q, g) in zip(chances, wanted) { for p in g.indices { mean[p] += q * g[p] } }
    #expect(agree(mean, all.exact, 1e-11))

    let lanes = 20_000, estimates = try all.draw(UnorderedSet(baseline: baseline), samples: c.samples, lanes: lanes)
    var counts = sets.map { _ in 0.0 }
    for found in estimates { counts[try #require(wanted.firstIndex { agree($0, found, 1e-11) })] += 1 }
    var chi = 0.0
    for (count, q) in zip(counts, chances) { chi += pow(count - q * Double(lanes), 2) / (q * Double(lanes)) }
    #expect(chi < Double(sets.count) + 6 * (2 * Double(sets.count)).squareRoot())
  }

  /// All states drawn, nothing is left to chance: one bit with K = 2, of the toy and of the ELBO; one variable with K = C.
  @Test(arguments: [
    ("bernoulli-toy:target=0.45", "bernoulli", "logit=2.1", 2), ("binary-latent", "bernoulli", "logit=-0.6", 2),
    ("bernoulli-toy:target=0.6x0.51x0.3", "categorical", "logit=1x-0.3x0.2", 3),
  ]) func allStatesAreTheExactGradient(_ model: String, _ family: String, _ point: String, _ samples: Int) async throws
  {
    let names = ["unordered-set", "unordered-set:baseline=none"]
    let figures = try await Measurement(model: model, at: point, samples: samples, family: family).run(names)
    try check(names.map { Truth(estimator: $0, block: "logit", variance: 0) }, in: figures, familySize: 6)
    for entry in figures.entries {
      #expect(agree(entry.moments.mean, try #require(figures.cell.exact).gradient, 1e-13))
    }
  }

  /// One draw without a baseline is REINFORCE, with its closed form (TRUTHS 2).
  @Test func oneDrawIsTheScoreFunction() async throws {
    let figures = try await Measurement(
      model: "bernoulli-toy:target=0.45", at: MultiSampleTests.point(0.3), replicates: 400_000, family: "bernoulli"
    ).run(["unordered-set:baseline=none"])
    let truth = Truth(
      estimator: "unordered-set:baseline=none", block: "logit", variance: 0.21 * pow(0.7 * 0.3025 + 0.3 * 0.2025, 2))
    try check([truth], in: figures, familySize: 1)
  }

  @Test func refusals() throws {
    func message(_ model: String, _ family: String, _ samples: Int) throws -> String {
      let bench = try Bench(model, family: family, at: "initial", samples: samples, lanes: 32)
      let error = #expect(throws: EstimatorError.self) { try bench.run(UnorderedSet()) }
      return try #require(error).description
    }
    #expect(
      try message("bernoulli-toy", "bernoulli", 3) == "draws without replacement, at most 2 here, and samples is 3")
    #expect(try message("gaussian", "mean-field-normal", 2).contains("a discrete family of at most 256 states"))
    let large = "bernoulli-toy:target=\((0..<9).map { _ in "0.4" }.joined(separator: "x"))"
    #expect(try message(large, "bernoulli", 2).contains("at most 256 states"))
    let bench = try Bench("bernoulli-toy", family: "bernoulli", at: "initial", samples: 1, lanes: 32)
    #expect(try UnorderedSet().requirements(samples: 2, of: bench.problem).minimumSamples == 2)
  }
}
