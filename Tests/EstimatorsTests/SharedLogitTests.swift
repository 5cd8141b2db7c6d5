import EstimatorStatistics
import Estimators
import ExperimentRunner
import Foundation
import GradientEstimation
import LatentModels
import Randomness
import SamplingSchemes
import Testing
import VariationalFamilies

/// Bits that share one logit, `TiedBernoulli`: Kool et al.'s (2020) three-bit variant of the toy (TRUTHS 2).
@Suite struct SharedLogitTests {
  /// Each estimate is the sum over coordinates of the one that logits of their own would have, draw by draw, of an f that is no sum.
  struct Rule: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let estimate: @Sendable (any LogitFamily, [Double]) throws -> [Double]

    init<E: GradientEstimator>(_ name: String, _ estimator: E) {
      testDescription = name
      estimate = { family, parameters in
        let problem = try Problem(
          model: CoupledCost(dimension: 3), family: family, objective: Expectation(), sampling: IndependentSampling())
        var block = DrawBlock(shape: problem.shape(samples: 3, lanes: 16), parameters: parameters)
        let generator = try #require(Generator.named("mt19937"))
        var draws = try RandomStream(generator, index: 5), random = try RandomStream(generator, index: 6)
        block.sample(problem, random: &draws)
        block.evaluate(try estimator.requirements(samples: 3, of: problem).quantities, of: problem)
        var workspace = try estimator.makeWorkspace(for: problem, shape: block.shape)
        var gradients = [Double](repeating: 0, count: parameters.count * 16), span = gradients.mutableSpan
        let state = estimator.initialState(for: problem, parameters: parameters)
        estimator.estimate(problem, block, state: state, random: &random, workspace: &workspace, into: &span)
        return gradients
      }
    }
  }

  static let rules = [
    Rule("score", ScoreFunction()), Rule("leave-one-out", ScoreFunction(baseline: .leaveOneOut)),
    Rule("mean", ScoreFunction(baseline: .mean)), Rule("arm", AugmentReinforceMerge()), Rule("disarm", DisARM()),
    Rule("local-expectation", LocalExpectation()), Rule("muprop", MuProp()), Rule("unordered-set", UnorderedSet()),
    Rule("sum-and-sample", SumAndSample()), Rule("concrete", Concrete(temperature: 0.7)),
    Rule("straight-through", Concrete(temperature: 0.7, straightThrough: true)),
    Rule("gumbel-rao", GumbelRao(temperature: 0.7, inner: 3)),
    Rule("rebar", Rebar(temperature: 0.7, coefficient: 0.8)),
    Rule("coupled rebar", Rebar(temperature: 0.7, coefficient: 0.8, coupling: true)), Rule("exact", ExactGradient()),
  ]

  @Test(arguments: rules, [0, -1.7, 0.9]) func estimatesAreTheFreeOnesSummed(_ rule: Rule, _ logit: Double) throws {
    let tied = try rule.estimate(TiedBernoulli(dimension: 3), [logit])
    let free = try rule.estimate(MeanFieldBernoulli(dimension: 3), [logit, logit, logit])
    let summed = (0..<16).map { lane in sum(0..<3) { free[$0 * 16 + lane] } }
    #expect(agree(tied, summed))
    #expect(tied.contains { abs($0) > 0.01 })
  }

  /// f = Σ (z_d − t_d)² at logit φ, with all that is drawn gone through.
  struct Toy: Sendable, CustomTestStringConvertible {
    let t: [Double]
    let logit: Double
    var testDescription: String { "t = \(t), φ = \(logit)" }

    var theta: Double { 1 / (1 + exp(-logit)) }
    var p: Double { theta * (1 - theta) }
    var gradient: Double { p * sum(t) { 1 - 2 * $0 } }
    var states: [[Double]] { (0..<8).map { s in (0..<3).map { Double(s >> $0 & 1) } } }
    func f(_ z: [Double]) -> Double { sum(0..<3) { (z[$0] - t[$0]) * (z[$0] - t[$0]) } }
    func score(_ z: [Double]) -> Double { sum(z) { $0 - theta } }
    func probability(_ z: [Double]) -> Double { z.reduce(1.0) { $0 * ($1 == 1 ? theta : 1 - theta) } }
    func mean(_ g: ([Double]) -> Double) -> Double { sum(states) { probability($0) * g($0) } }
    func variance(_ g: ([Double]) -> Double) -> Double {
      let center = mean(g)
      return mean { pow(g($0) - center, 2) }
    }

    /// Of one draw.
    func score(baseline: Double) -> Double { variance { (f($0) - baseline) * score($0) } }
    var optimum: Double { mean { f($0) * pow(score($0), 2) } / mean { pow(score($0), 2) } }
    /// A U-statistic of the kernel ½ (f − f′)(s − s′): its variance is (4 (K − 2) V₁ + 2 V₂) / (K (K − 1)).
    func leaveOneOut(_ k: Double) -> Double {
      func kernel(_ a: [Double], _ b: [Double]) -> Double { 0.5 * (f(a) - f(b)) * (score(a) - score(b)) }
      let first = variance { z in mean { kernel(z, $0) } }
      let second = mean { z in mean { pow(kernel(z, $0), 2) } } - gradient * gradient
      return (4 * (k - 2) * first + 2 * second) / (k * (k - 1))
    }
    var muprop: Double {
      let slopes = t.map { 2 * (theta - $0) }, center = f([theta, theta, theta])
      return variance { z in
        let polynomial = sum(0..<3) { (z[$0] - theta) * slopes[$0] }
        return score(z) * (f(z) - center - polynomial)
      }
    }
    /// By the 27 triples of cells that u comes from.
    var pairs: (arm: Double, disarm: Double) {
      let cells = AntitheticPairsTests.cells(theta)
      var arm = -gradient * gradient, disarm = arm
      for index in 0..<27 {
        let chosen = [index % 3, index / 3 % 3, index / 9].map { cells[$0] }
        let mass = chosen.reduce(1.0) { $0 * $1.mass }
        guard mass > 0 else { continue }
        let difference = f(chosen.map { $0.z }) - f(chosen.map { $0.mirrored })
        let center = sum(chosen) { $0.first / $0.mass }
        let spread = sum(chosen) { $0.second / $0.mass - pow($0.first / $0.mass, 2) }
        let a = sum(chosen) { 0.5 * ($0.z - $0.mirrored) * max(theta, 1 - theta) }
        arm += mass * difference * difference * (center * center + spread)
        disarm += mass * difference * difference * a * a
      }
      return (arm, disarm)
    }
    /// K states without replacement, by all sets.
    func unorderedSet(_ k: Int, hasBaseline: Bool) -> Double {
      let definition = UnorderedSetTests.Definition(
        p: states.map(probability), f: states.map(f), scores: states.map { [score($0)] })
      let square = sum(definition.sets(of: k)) { set in
        definition.probability(set) * pow(definition.estimate(set, hasBaseline: hasBaseline)[0], 2)
      }
      return square - gradient * gradient
    }
    /// The K − 1 likeliest, of equally likely ones the first.
    func sumAndSample(_ k: Int, hasBaseline: Bool) -> Double {
      let q = states.map { (probability($0) * 1e12).rounded() }
      let order = (0..<8).sorted { (-q[$0], $0) < (-q[$1], $1) }.map { states[$0] }
      let likeliest = order.prefix(k - 1), others = order.dropFirst(k - 1)
      let b = hasBaseline ? sum(likeliest) { probability($0) * f($0) } / sum(likeliest, probability) : 0
      let rest = sum(others, probability)
      let mean = sum(others) { probability($0) / rest * (f($0) - b) * score($0) }
      return sum(others) { rest * probability($0) * pow((f($0) - b) * score($0) - mean, 2) }
    }
  }

  /// Kool's targets at φ = 0 and at their peaked φ, and others.
  static let toys = [
    Toy(t: [0.6, 0.51, 0.48], logit: 0), Toy(t: [0.6, 0.51, 0.48], logit: -4), Toy(t: [0.2, 0.9, -0.5], logit: 1.3),
  ]

  @Test func gradientOfTheLiterature() async throws {
    let figures = try await Measurement(
      model: "bernoulli-toy:target=0.6x0.51x0.48", at: "logit=0", family: "tied-bernoulli"
    ).run(["exact"])
    let gradient = try #require(figures.cell.exact?.gradient)
    #expect(gradient.count == 1 && abs(gradient[0] + 0.045) < 1e-15 && abs(Self.toys[0].gradient + 0.045) < 1e-15)
  }

  /// The definitions have no bias, and Rao-Blackwellise each other as they should.
  @Test(arguments: toys) func theDefinitionsAgree(_ toy: Toy) {
    #expect(abs(toy.mean { toy.f($0) * toy.score($0) } - toy.gradient) < 1e-14)
    #expect(abs(toy.unorderedSet(1, hasBaseline: false) / toy.score(baseline: 0) - 1) < 1e-12)
    #expect(toy.pairs.disarm < toy.pairs.arm && toy.score(baseline: toy.optimum) < toy.score(baseline: 0))
    for k in 2..<8 {
      #expect(toy.unorderedSet(k, hasBaseline: true) < toy.leaveOneOut(Double(k)))
      #expect(toy.unorderedSet(k + 1, hasBaseline: true) < toy.unorderedSet(k, hasBaseline: true))
    }
    #expect(toy.leaveOneOut(2) < toy.score(baseline: 0) / 2 || toy.logit > 0)
  }

  @Test(arguments: toys, [2, 5, 8]) func variancesAgree(_ toy: Toy, _ k: Int) async throws {
    let unit = 1 / Double(k), pairs = toy.pairs
    let known: KeyValuePairs = [
      "score": unit * toy.score(baseline: 0),
      "score:baseline=mean": unit * toy.score(baseline: toy.mean(toy.f)),
      "score:baseline=optimal": unit * toy.score(baseline: toy.optimum),
      "score:baseline=leave-one-out": toy.leaveOneOut(Double(k)), "arm": unit * pairs.arm,
      "disarm": unit * pairs.disarm, "muprop": unit * toy.muprop, "local-expectation": 0,
      "unordered-set": k == 8 ? 0 : toy.unorderedSet(k, hasBaseline: true),
      "unordered-set:baseline=none": k == 8 ? 0 : toy.unorderedSet(k, hasBaseline: false),
      "sum-and-sample": k == 8 ? 0 : toy.sumAndSample(k, hasBaseline: true),
      "sum-and-sample:baseline=none": k == 8 ? 0 : toy.sumAndSample(k, hasBaseline: false),
    ]
    let figures = try await Measurement(
      model: "bernoulli-toy:target=\(toy.t.map(numberText).joined(separator: "x"))", at: "logit=\(toy.logit)",
      samples: k, replicates: k == 2 ? 400_000 : 200_000, family: "tied-bernoulli"
    ).run(known.map(\.key) + ["nvil", "score:baseline=moving-average", "rebar", "relax"])
    let truths = known.map { Truth(estimator: $0.key, block: "logit", variance: $0.value) }
    try check(truths, in: figures, familySize: Self.toys.count * 3 * truths.count, relativeHalfWidth: 0.08)
    #expect(abs(try #require(figures.cell.exact).gradient[0] - toy.gradient) < 1e-14)
    // Over nine cells of at most sixteen: below 10⁻³.
    for entry in figures.entries { #expect(try #require(entry.all?.bias).p > 1e-3 / 144, "\(entry.entry.text)") }
  }

  @Test func raoBlackwellIsRefused() throws {
    let bench = try Bench("bernoulli-toy", family: "tied-bernoulli", at: "initial", samples: 1, lanes: 32)
    let error = #expect(throws: EstimatorError.self) { try bench.run(ScoreFunction(raoBlackwell: true)) }
    #expect(try #require(error).description.contains("each parameter in one of them"))
  }
}

private func sum<S: Sequence>(_ items: S, _ term: (S.Element) -> Double) -> Double {
  items.reduce(0) { $0 + term($1) }
}
