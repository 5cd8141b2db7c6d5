import GradientEstimation
import Randomness
import SamplingSchemes
import Testing
import VariationalFamilies

/// `TiedBernoulli` is `MeanFieldBernoulli` where all logits are one: the same draws, and gradients summed over the coordinates.
@Suite struct TiedBernoulliTests {
  static let dimension = 3, lanes = 4
  let tied = TiedBernoulli(dimension: dimension), free = MeanFieldBernoulli(dimension: dimension)

  /// Draws from one stream. Each lane has a φ of its own, or all the same; the free family has it in every coordinate.
  func block(_ family: any VariationalFamily, perLane: Bool) throws -> DrawBlock {
    let logits = perLane ? (0..<Self.lanes).map { 0.7 * Double($0) - 1.3 } : [-0.6]
    let shape = Shape(
      samples: 2, dimension: Self.dimension, parameters: family.parameterCount, lanes: Self.lanes)
    var block = DrawBlock(shape: shape, parameters: (0..<family.parameterCount).flatMap { _ in logits })
    var random = try RandomStream(try #require(Generator.named("mt19937")), index: 4)
    family.sample(&block.draws, scheme: IndependentSampling(), random: &random)
    return block
  }

  /// Σ_d of gradients `[D × B]`.
  func summed(_ gradients: [Double]) -> [Double] {
    (0..<Self.lanes).map { lane in (0..<Self.dimension).reduce(0) { $0 + gradients[$1 * Self.lanes + lane] } }
  }

  @Test(arguments: [false, true]) func isTheFreeOneOnTheDiagonal(_ perLane: Bool) throws {
    var own = try block(tied, perLane: perLane), other = try block(free, perLane: perLane)
    let same = own.draws.z == other.draws.z && own.draws.noise == other.draws.noise
    #expect(same)
    let model = Priored()
    func evaluate(_ block: inout DrawBlock, _ family: any VariationalFamily) throws {
      let problem = try Problem(
        model: model, family: family, objective: EvidenceLowerBound(), sampling: IndependentSampling())
      block.evaluate(Quantities(values: .entropy, gradients: .entropy), of: problem)
    }
    try evaluate(&own, tied)
    try evaluate(&other, free)
    #expect(largest(own.evaluation.values(of: .entropy), other.evaluation.values(of: .entropy)) < 1e-14)
    #expect(largest(own.evaluation.gradient(of: .entropy), other.evaluation.gradient(of: .entropy)) == 0)

    let elements = Self.dimension * Self.lanes
    func logits(_ family: any LogitFamily, _ block: borrowing DrawBlock) -> [Double] {
      var logits = [Double](repeating: .nan, count: elements), span = logits.mutableSpan
      family.storeLogits(at: block.draws, into: &span)
      return logits
    }
    #expect(logits(tied, own) == logits(free, other))

    let cotangents = (0..<elements).map { Double($0 * $0 % 7) - 2.5 }, weights = (0..<2 * Self.lanes).map(Double.init)
    func gradients(_ family: any LogitFamily, _ block: borrowing DrawBlock, centers: [Double]) -> [[Double]] {
      let zeros = [Double](repeating: 0, count: family.parameterCount * Self.lanes)
      var pulled = zeros, scored = zeros, span = pulled.mutableSpan
      family.addLogitPullback(cotangents.span, at: block.draws, into: &span)
      span = scored.mutableSpan
      family.addScore(weights: weights.span, centers: centers.span, at: block.draws, into: &span)
      return [pulled, scored]
        + ([.entropy, .prior, [.entropy, .prior]] as [Terms]).map { terms in
          var known = zeros, span = known.mutableSpan
          family.addAnalyticGradient(of: terms, for: model, at: block.draws, into: &span)
          return known
        }
    }
    #expect(tied.analyticTerms(for: model) == [.entropy, .prior])
    let found = gradients(tied, own, centers: [0.3]), wanted = gradients(free, other, centers: [0.3, 0.3, 0.3])
    for (a, b) in zip(found, wanted) {
      #expect(largest(a, summed(b)) < 1e-13 && a.contains { abs($0) > 0.01 })
    }
  }

  /// F = E s², by enumeration, and the sum of the free one's.
  @Test(arguments: [0, -4, 1.3]) func fisherInformation(_ logit: Double) throws {
    let found = try #require(tied.fisherDiagonal(at: [logit]).first)
    let sum = free.fisherDiagonal(at: [logit, logit, logit]).reduce(0, +)
    var square = 0.0
    let isDone = Enumeration.forEachBlock(of: tied, Priored(), Quantities(), parameters: [logit]) { block, q in
      let n = q.count, ones = [Double](repeating: 1, count: n)
      var scores = [Double](repeating: 0, count: n), span = scores.mutableSpan
      tied.addScore(weights: ones.span, centers: [0].span, at: block.draws, into: &span)
      for lane in 0..<n { square += q[lane] * scores[lane] * scores[lane] }
    }
    #expect(isDone && abs(found / sum - 1) < 1e-14 && abs(found / square - 1) < 1e-12)
  }

  @Test func namesItsDistributions() {
    #expect(tied.parameters(of: IndependentBernoullis(logit: [0.4, 0.4, 0.4])) == [0.4])
    #expect(tied.parameters(of: IndependentBernoullis(logit: [0.4, 0.4, 0.5])) == nil)
    #expect(tied.parameters(of: IndependentBernoullis(logit: [0.4])) == nil)
    #expect(!(tied is any FactorizedFamily))
  }

  private func largest(_ a: [Double], _ b: [Double]) -> Double {
    a.count == b.count ? zip(a, b).reduce(0) { max($0, abs($1.0 - $1.1)) } : .infinity
  }
}

/// A model of which nothing but the prior is looked at.
private struct Priored: LatentModel {
  var dimension: Int { 3 }
  var support: Support { .binary }
  var prior: (any Prior)? { IndependentBernoullis(logit: [0.8, -0.3, 1.9]) }
  func evaluate(_ needed: Quantities, at draws: borrowing Draws, into evaluation: inout Evaluation) {}
}
