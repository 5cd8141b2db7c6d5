import EstimatorStatistics
import Estimators
import ExperimentRunner
import Foundation
import GradientEstimation
import Randomness
import Testing
import VariationalFamilies

/// `SwapMerge`: with two categories ARM's closed form; else its definition, estimate by estimate, and the exact gradient.
@Suite struct SwapMergeTests {
  /// The ARSM of one draw, π and all, as it is defined.
  static func definition(_ u: [Double], _ logits: [Double], _ categories: Int, f: ([Double]) -> Double) -> [Double] {
    let exponentials = u.map { -log($0) }
    func draw(_ c: Int, _ j: Int) -> [Double] {
      var z = u.map { _ in 0.0 }
      for first in stride(from: 0, to: u.count, by: categories) {
        var swapped = (0..<categories).map { exponentials[first + $0] }
        swapped.swapAt(c, j)
        let heights = (0..<categories).map { swapped[$0] * exp(-logits[first + $0]) }
        z[first + ((0..<categories).min { heights[$0] < heights[$1] } ?? 0)] = 1
      }
      return z
    }
    let values = (0..<categories).map { c in (0..<categories).map { f(draw(c, $0)) } }
    return u.indices.map { place in
      let first = place / categories * categories, c = place % categories
      let total = (0..<categories).reduce(0) { $0 + exponentials[first + $1] }
      return (0..<categories).reduce(0) { sum, j in
        let mean = (0..<categories).reduce(0) { $0 + values[$1][j] } / Double(categories)
        return sum + (values[c][j] - mean) * (1 / Double(categories) - exponentials[first + j] / total)
      }
    }
  }

  @Test(arguments: [2, 3]) func estimatesAreThoseOfTheDefinition(_ categories: Int) throws {
    let model = CoupledCost(dimension: 6), logits = [0.4, -1.1, 0, 2.3, 1, 0.2], lanes = 40_000
    let family = MeanFieldCategorical(dimension: 6, categories: categories)
    let problem = try Problem(
      model: model, family: family, objective: Expectation(), sampling: IndependentSampling())
    let shape = problem.shape(samples: 1, lanes: lanes)
    var block = DrawBlock(shape: shape, parameters: logits)
    var random = try RandomStream(#require(Generator.named("mt19937")), index: 4)
    block.sample(problem, random: &random)
    block.evaluate(try SwapMerge().requirements(samples: 1, of: problem).quantities, of: problem)
    var workspace = try SwapMerge().makeWorkspace(for: problem, shape: shape)
    var gradients = [Double](repeating: 0, count: 6 * lanes), span = gradients.mutableSpan
    SwapMerge().estimate(problem, block, state: NoState(), random: &random, workspace: &workspace, into: &span)
    for lane in 0..<200 {
      let u = (0..<6).map { block.draws.noise[$0 * lanes + lane] }
      #expect(
        agree(
          (0..<6).map { gradients[$0 * lanes + lane] }, Self.definition(u, logits, categories, f: model.f), 1e-11))
    }
    let exact = try #require(problem.exact(at: logits)).gradient
    for d in 0..<6 {
      let row = gradients[d * lanes..<(d + 1) * lanes], mean = row.reduce(0, +) / Double(lanes)
      let variance = row.reduce(0) { $0 + pow($1 - mean, 2) } / Double(lanes - 1)
      #expect(abs(mean - exact[d]) < 4.5 * (variance / Double(lanes)).squareRoot())
    }
  }

  /// Two categories: f(e₁) − f(e₂) = 2(t₂ − t₁), θ = σ(φ₁ − φ₂), and ARM's variance in each of the two logits.
  @Test(arguments: [0.5, 0.3, 0.9]) func twoCategoriesAreArm(_ theta: Double) async throws {
    let figures = try await Measurement(
      model: "bernoulli-toy:target=0.1x0.35", at: "logit=\(log(theta) + 0.3)x\(log(1 - theta) + 0.3)",
      replicates: 400_000, family: "categorical:categories=2"
    ).run(["arsm"])
    let variance = 2 * AntitheticPairsTests.Bit(theta: theta, delta: 0.5).arm
    try check(
      [Truth(estimator: "arsm", block: "logit", variance: variance)], in: figures, familySize: 3,
      relativeHalfWidth: 0.06)
    #expect(try #require(figures.entries.first?.all?.bias).p > 1e-5)
  }

  @Test func bitsAreRefused() throws {
    let bench = try Bench("bernoulli-toy", family: "bernoulli", at: "initial", samples: 1, lanes: 32)
    let error = #expect(throws: EstimatorError.self) { try bench.run(SwapMerge()) }
    #expect(try #require(error).description.contains("of bits it is arm"))
  }
}
