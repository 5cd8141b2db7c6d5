import Foundation
import GradientEstimation
import Randomness
import Testing
import VariationalFamilies

/// Families of finitely many states, against their probabilities written a second time.
@Suite struct DiscreteFamilyTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let name: String
    let family: any EnumerableFamily
    let lambda: [Double]
    let states: [[Double]]
    /// log q of a state at λ.
    let logProbability: @Sendable (_ z: [Double], _ lambda: [Double]) -> Double
    var testDescription: String { name }

    func shape(samples: Int, lanes: Int) -> Shape {
      Shape(
        samples: samples, dimension: family.dimension, noiseDimension: family.noiseDimension,
        parameters: lambda.count, lanes: lanes)
    }
  }

  static func bits(_ d: Int) -> [[Double]] { (0..<1 << d).map { s in (0..<d).map { Double(s >> $0 & 1) } } }
  static func logBernoulli(_ z: Double, _ logit: Double) -> Double { -log(1 + exp(z == 1 ? -logit : logit)) }

  static let cases: [Case] = [
    Case(
      name: "bernoulli", family: MeanFieldBernoulli(dimension: 3), lambda: [0.8, -1.3, 0.2], states: bits(3),
      logProbability: { z, lambda in (0..<3).reduce(0) { $0 + logBernoulli(z[$1], lambda[$1]) } }),
    Case(
      name: "tied-bernoulli", family: TiedBernoulli(dimension: 3), lambda: [-0.9], states: bits(3),
      logProbability: { z, lambda in z.reduce(0) { $0 + logBernoulli($1, lambda[0]) } }),
    Case(
      name: "categorical", family: MeanFieldCategorical(dimension: 6, categories: 3),
      lambda: [0.5, -0.2, 1.1, -0.7, 0.3, 0],
      states: (0..<9).map { s in [s % 3, s / 3].flatMap { c in (0..<3).map { $0 == c ? 1 : 0 } } },
      logProbability: { z, lambda in
        (0..<2).reduce(0) { sum, v in
          let own = Array(lambda[3 * v..<3 * v + 3]), total = log(own.reduce(0) { $0 + exp($1) })
          return sum + (0..<3).reduce(0) { $0 + z[3 * v + $1] * (own[$1] - total) }
        }
      }),
    Case(
      name: "autoregressive-bernoulli", family: AutoregressiveBernoulli(dimension: 3),
      lambda: [0.4, -0.6, 0.1, 0.9, -1.2, 0.7], states: bits(3),
      logProbability: { z, l in
        let second = l[1] + l[3] * z[0], third = l[2] + l[4] * z[0] + l[5] * z[1]
        return logBernoulli(z[0], l[0]) + logBernoulli(z[1], second) + logBernoulli(z[2], third)
      }),
  ]

  /// ∂/∂λ of a function, by central differences of fourth order.
  static func derivative(_ lambda: [Double], _ f: ([Double]) -> Double) -> [Double] {
    lambda.indices.map { p in
      func moved(_ h: Double) -> Double {
        var other = lambda
        other[p] += h
        return f(other)
      }
      let h = 1e-3
      return (8 * (moved(h) - moved(-h)) - (moved(2 * h) - moved(-2 * h))) / (12 * h)
    }
  }

  @Test(arguments: cases) func statesAreEnumeratedOnceEach(_ c: Case) {
    var block = DrawBlock(shape: c.shape(samples: 1, lanes: c.states.count), parameters: c.lambda)
    c.family.storeStates(from: 0, into: &block.draws)
    let z = block.draws.z, n = c.states.count
    let found = (0..<n).map { lane in (0..<c.family.dimension).map { z[$0 * n + lane] } }
    #expect(c.family.stateCount == n && found == c.states)
  }

  /// Under λ shared and λ of each lane.
  @Test(arguments: cases, [false, true]) func scoreAndEntropyAreThoseOfTheProbability(_ c: Case, _ perLane: Bool) throws
  {
    let n = c.states.count, p = c.lambda.count, d = c.family.dimension
    func own(_ lane: Int) -> [Double] { perLane ? c.lambda.map { $0 + 0.1 * sin(Double(lane)) } : c.lambda }
    let parameters = perLane ? (0..<p * n).map { own($0 % n)[$0 / n] } : c.lambda
    var block = DrawBlock(shape: c.shape(samples: 1, lanes: n), parameters: parameters)
    c.family.storeStates(from: 0, into: &block.draws)
    let problem = try Problem(
      model: FlatCost(dimension: d), family: c.family, objective: Expectation(), sampling: IndependentSampling())
    let isFactorized = c.family is any FactorizedFamily
    block.evaluate(
      Quantities(values: .entropy, gradients: .entropy, coordinateValues: isFactorized ? .entropy : []), of: problem)
    var scores = [Double](repeating: 0, count: p * n)
    let weights = (0..<n).map { 1 + 0.3 * Double($0) }, centers = (0..<p).map { 0.2 * Double($0) }
    var span = scores.mutableSpan
    c.family.addScore(weights: weights.span, centers: centers.span, at: block.draws, into: &span)
    let values = block.evaluation.values(of: .entropy), parts = block.evaluation.coordinateValues(of: .entropy)
    for (lane, z) in c.states.enumerated() {
      #expect(abs(values[lane] + c.logProbability(z, own(lane))) < 1e-12)
      if isFactorized { #expect(abs((0..<d).reduce(-values[lane]) { $0 + parts[$1 * n + lane] }) < 1e-12) }
      let wanted = Self.derivative(own(lane)) { c.logProbability(z, $0) }
      for i in 0..<p {
        #expect(abs(scores[i * n + lane] - (weights[lane] - centers[i]) * wanted[i]) < 1e-9)
      }
    }
  }

  /// χ² of the states of 200 000 draws; the level is 10⁻⁵ each.
  @Test(arguments: cases) func drawsHaveTheirProbabilities(_ c: Case) throws {
    var random = try RandomStream(try #require(Generator.named("mt19937")), index: 7)
    var counts = [[Double]: Int](), draws = 0
    for _ in 0..<100 {
      var block = DrawBlock(shape: c.shape(samples: 2, lanes: 1000), parameters: c.lambda)
      c.family.sample(&block.draws, scheme: IndependentSampling(), random: &random)
      let z = block.draws.z, d = c.family.dimension
      for k in 0..<2 {
        for lane in 0..<1000 { counts[(0..<d).map { z[(k * d + $0) * 1000 + lane] }, default: 0] += 1 }
      }
      draws += 2000
    }
    let statistic = c.states.reduce(0) { sum, z in
      let expected = Double(draws) * exp(c.logProbability(z, c.lambda)), found = Double(counts[z] ?? 0)
      return sum + (found - expected) * (found - expected) / expected
    }
    // Wilson and Hilferty's quantile of χ² with n − 1 degrees of freedom.
    let degrees = Double(c.states.count - 1), spread = 2 / (9 * degrees)
    #expect(counts.count == c.states.count && statistic < degrees * pow(1 - spread + 4.265 * spread.squareRoot(), 3))
  }

  /// E f, its gradient, and E[f s²]/E[s²] of an arbitrary f.
  @Test(arguments: cases) func enumerationIsExact(_ c: Case) throws {
    let cost = TableCost(dimension: c.family.dimension)
    let exact = try #require(c.family.exactExpectation(of: .cost, for: cost, parameters: c.lambda))
    func expectation(_ lambda: [Double], _ f: ([Double]) -> Double) -> Double {
      c.states.reduce(0) { $0 + exp(c.logProbability($1, lambda)) * f($1) }
    }
    #expect(abs(exact.value - expectation(c.lambda, TableCost.value)) < 1e-12)
    let wanted = Self.derivative(c.lambda) { expectation($0, TableCost.value) }
    let shift = try #require(exact.optimalShift)
    for p in c.lambda.indices {
      #expect(abs(exact.gradient[p] - wanted[p]) < 1e-9)
      func score(_ z: [Double]) -> Double { Self.derivative(c.lambda) { c.logProbability(z, $0) }[p] }
      let optimum =
        expectation(c.lambda) { TableCost.value($0) * score($0) * score($0) }
        / expectation(c.lambda) { score($0) * score($0) }
      #expect(abs(shift[p] - (optimum - exact.value)) < 1e-8)
    }
  }

  /// The closed form of ∇H is that of the enumeration.
  @Test(arguments: cases) func entropyInClosedForm(_ c: Case) throws {
    guard c.family.analyticTerms(for: FlatCost(dimension: c.family.dimension)).contains(.entropy) else { return }
    let block = DrawBlock(shape: c.shape(samples: 1, lanes: 2), parameters: c.lambda)
    var gradients = [Double](repeating: 0, count: 2 * c.lambda.count)
    var span = gradients.mutableSpan
    c.family.addAnalyticGradient(
      of: .entropy, for: FlatCost(dimension: c.family.dimension), at: block.draws, into: &span)
    let wanted = Self.derivative(c.lambda) { lambda in
      c.states.reduce(0) { $0 - exp(c.logProbability($1, lambda)) * c.logProbability($1, lambda) }
    }
    for p in c.lambda.indices { #expect(abs(gradients[2 * p + 1] - wanted[p]) < 1e-9) }
  }

  /// Logits as large as ±50 lose neither the entropy nor the score.
  @Test func extremeLogitsKeepTheirDigits() throws {
    let family = MeanFieldBernoulli(dimension: 2)
    let exact = try #require(
      family.exactExpectation(of: .cost, for: TableCost(dimension: 2), parameters: [50, -50]))
    #expect(
      exact.value == TableCost.value([1, 0]) && exact.gradient.allSatisfy { $0.isFinite && abs($0) < 1e-18 && $0 != 0 })
    #expect(
      MeanFieldBernoulli(dimension: 17).stateCount == nil && MeanFieldBernoulli(dimension: 16).stateCount == 65536)
  }
}

/// A cost of no consequence.
private struct FlatCost: CostFunction {
  let dimension: Int
  var sense: Sense { .minimize }
  func evaluate(_ needed: Quantities, at draws: borrowing Draws, into evaluation: inout Evaluation) {
    evaluation.withValues(of: .cost) { $0.update(repeating: 0) }
  }
}

/// An arbitrary number for each state.
private struct TableCost: CostFunction {
  let dimension: Int
  var sense: Sense { .minimize }
  static func value(_ z: [Double]) -> Double {
    1.5 + sin(z.enumerated().reduce(0.3) { $0 + $1.element * (1 + Double($1.offset) * Double($1.offset)) })
  }
  func evaluate(_ needed: Quantities, at draws: borrowing Draws, into evaluation: inout Evaluation) {
    let (d, b, z) = (dimension, draws.shape.lanes, draws.z)
    evaluation.withValues(of: .cost) { values in
      for i in values.indices { values[i] = Self.value((0..<d).map { z[(i / b * d + $0) * b + i % b] }) }
    }
  }
}
