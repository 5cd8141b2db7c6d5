import Foundation
import GradientEstimation
import Randomness
import Testing
import VariationalFamilies

@Suite struct MeanFieldNormalTests {
  /// Draws of a family at a λ that the lanes share, or at one of their own.
  struct Case: Sendable, CustomTestStringConvertible {
    let dimension, samples, lanes: Int
    let perLane: Bool
    var testDescription: String { "D = \(dimension), K = \(samples), B = \(lanes), \(perLane ? "per lane" : "shared")" }

    var family: MeanFieldNormal { MeanFieldNormal(dimension: dimension) }
    var shape: Shape { Shape(samples: samples, dimension: dimension, parameters: 2 * dimension, lanes: lanes) }

    /// Arbitrary numbers, other ones for every index.
    func numbers(_ index: UInt, _ count: Int, scale: Double = 1) throws -> [Double] {
      var stream = try RandomStream(try #require(Generator.named("mt19937")), index: 100 + index)
      var numbers = [Double](repeating: 0, count: count)
      var span = numbers.mutableSpan
      stream.fillNormals(&span)
      return numbers.map { scale * $0 }
    }

    func parameters() throws -> [Double] { try numbers(0, 2 * dimension * (perLane ? lanes : 1), scale: 0.5) }
    /// λ of one lane.
    func lambda(_ lane: Int) throws -> [Double] {
      let all = try parameters()
      return (0..<2 * dimension).map { all[perLane ? $0 * lanes + lane : $0] }
    }

    func problem() throws -> Problem {
      try Problem(
        model: ExponentialModel(normal: .standard(dimension), a: Array(repeating: 0.1, count: dimension)),
        family: family, objective: EvidenceLowerBound(), sampling: IndependentSampling())
    }

    func block() throws -> DrawBlock {
      var random = try RandomStream(try #require(Generator.named("mt19937")), index: 99)
      var block = DrawBlock(shape: shape, parameters: try parameters())
      block.sample(try problem(), random: &random)
      return block
    }

    /// The D elements of draw k in one lane of `[K × D × B]`.
    func point(_ array: [Double], _ k: Int, _ lane: Int) -> [Double] {
      (0..<dimension).map { array[(k * dimension + $0) * lanes + lane] }
    }

    /// Holds what `add` adds to gradients that are not zero to `expected`, the λ-gradient of each lane.
    func check(
      _ add: (_ block: borrowing DrawBlock, _ gradients: inout MutableSpan<Double>) throws -> Void,
      expected: (_ block: borrowing DrawBlock, _ lane: Int, _ lambda: [Double]) throws -> [Double],
      sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
      let block = try block(), start = try numbers(9, 2 * dimension * lanes)
      var gradients = start, wanted = start
      var span = gradients.mutableSpan
      try add(block, &span)
      for lane in 0..<lanes {
        for (p, value) in try expected(block, lane, lambda(lane)).enumerated() { wanted[p * lanes + lane] += value }
      }
      #expect(largestError(gradients, wanted) < 1e-9, sourceLocation: sourceLocation)
    }
  }

  static let cases = [false, true].flatMap { perLane in
    [(1, 1, 1), (3, 2, 5), (2, 3, 9), (31, 1, 3)].map { d, k, b in
      Case(dimension: d, samples: k, lanes: b, perLane: perLane)
    }
  }

  @Test(arguments: cases) func drawsAreTransformedNoise(_ c: Case) throws {
    let block = try c.block()
    #expect(Set(block.draws.noise).count == c.shape.elementCount)
    for k in 0..<c.samples {
      for lane in 0..<c.lanes {
        let lambda = try c.lambda(lane), noise = c.point(block.draws.noise, k, lane)
        let wanted = (0..<c.dimension).map { lambda[$0] + exp(lambda[c.dimension + $0]) * noise[$0] }
        #expect(largestError(c.point(block.draws.z, k, lane), wanted) < 1e-14)
      }
    }
  }

  @Test(arguments: cases) func entropyAtTheDraws(_ c: Case) throws {
    var block = try c.block()
    block.evaluate(
      Quantities(values: .entropy, gradients: .entropy, coordinateValues: .entropy), of: try c.problem())
    let values = block.evaluation.values(of: .entropy), gradients = block.evaluation.gradient(of: .entropy)
    let coordinates = block.evaluation.coordinateValues(of: .entropy)
    for k in 0..<c.samples {
      for lane in 0..<c.lanes {
        let z = c.point(block.draws.z, k, lane), lambda = try c.lambda(lane)
        #expect(abs(values[k * c.lanes + lane] + logDensity(z, lambda)) < 1e-12)
        #expect(largestError(c.point(coordinates, k, lane), logDensities(z, lambda).map { -$0 }) < 1e-13)
        #expect(largestError(c.point(gradients, k, lane), gradient(at: z) { -logDensity($0, lambda) }) < 1e-9)
      }
    }
  }

  /// Σ_k (w_k − c_p) ∂ log q(z_k)/∂λ_p at fixed z, by numerical differentiation.
  @Test(arguments: cases) func scoreIsTheDerivativeOfTheLogDensity(_ c: Case) throws {
    let weights = try c.numbers(1, c.samples * c.lanes), centers = try c.numbers(2, 2 * c.dimension)
    try c.check {
      c.family.addScore(weights: weights.span, centers: centers.span, at: $0.draws, into: &$1)
    } expected: { block, lane, lambda in
      (0..<c.samples).reduce(Array(repeating: 0, count: 2 * c.dimension)) { sum, k in
        let z = c.point(block.draws.z, k, lane), score = gradient(at: lambda) { logDensity(z, $0) }
        return score.indices.map { sum[$0] + (weights[k * c.lanes + lane] - centers[$0]) * score[$0] }
      }
    }
  }

  @Test(arguments: cases) func coordinateScoreWeighsEachCoordinate(_ c: Case) throws {
    let weights = try c.numbers(1, c.shape.elementCount), centers = try c.numbers(2, 2 * c.dimension)
    try c.check {
      c.family.addCoordinateScore(weights: weights.span, centers: centers.span, at: $0.draws, into: &$1)
    } expected: { block, lane, lambda in
      (0..<c.samples).reduce(Array(repeating: 0, count: 2 * c.dimension)) { sum, k in
        let z = c.point(block.draws.z, k, lane), score = gradient(at: lambda) { logDensity(z, $0) }
        let w = c.point(weights, k, lane)
        return score.indices.map { sum[$0] + (w[$0 % c.dimension] - centers[$0]) * score[$0] }
      }
    }
  }

  /// The draws are the points of a quadrature rule and the weights its weights: the sum is E_q of the score.
  @Test func theScoreHasExpectationZero() throws {
    let family = MeanFieldNormal(dimension: 1), count = normalRule.count
    var draws = Draws(
      shape: Shape(samples: count, dimension: 1, parameters: 2, lanes: 1), parameters: [0.7, -0.4])
    draws.noise = normalRule.map(\.point)
    let zero = [0.0, 0]
    func expectation(_ f: (Double) -> Double) -> [Double] {
      let weights = normalRule.map { $0.weight * f($0.point) }
      var gradients = zero
      var span = gradients.mutableSpan
      family.addScore(weights: weights.span, centers: zero.span, at: draws, into: &span)
      return gradients
    }
    #expect(largestError(expectation { _ in 1 }, zero) < 1e-14)
    // E f score of f = ε and ε²: what is not zero is seen.
    #expect(largestError(expectation { $0 }, [exp(0.4), 0]) < 1e-14)
    #expect(largestError(expectation { $0 * $0 }, [0, 2]) < 1e-14)
  }

  /// factor Σ_k c_k · z(ε_k, λ), differentiated numerically in λ.
  @Test(arguments: cases) func pullbackIsTheDerivativeOfTheDraws(_ c: Case) throws {
    let cotangents = try c.numbers(1, c.shape.elementCount)
    try c.check {
      c.family.addPullback(cotangents: cotangents.span, factor: 0.6, at: $0.draws, into: &$1)
    } expected: { block, lane, lambda in
      let noise = block.draws.noise
      return gradient(at: lambda) { lambda in
        (0..<c.samples).reduce(0) { sum, k in
          let e = c.point(noise, k, lane), cotangent = c.point(cotangents, k, lane)
          let z = (0..<c.dimension).map { lambda[$0] + exp(lambda[c.dimension + $0]) * e[$0] }
          return sum + 0.6 * zip(cotangent, z).reduce(0) { $0 + $1.0 * $1.1 }
        }
      }
    }
  }

  /// −factor Σ_k log q_λ(z(ε_k, λ)), differentiated numerically through both of its λ.
  @Test(arguments: cases) func pathwiseEntropyIsTheTotalDerivative(_ c: Case) throws {
    try c.check {
      c.family.addPathwiseEntropyGradient(factor: 0.6, at: $0.draws, into: &$1)
    } expected: { block, lane, lambda in
      let noise = block.draws.noise
      return gradient(at: lambda) { lambda in
        (0..<c.samples).reduce(0) { sum, k in
          let e = c.point(noise, k, lane)
          let z = (0..<c.dimension).map { lambda[$0] + exp(lambda[c.dimension + $0]) * e[$0] }
          return sum - 0.6 * logDensity(z, lambda)
        }
      }
    }
    #expect(c.family.pathwiseEntropyIsExact)
  }

  /// The gradients of H[q] and E_q log p(z), their closed forms differentiated numerically.
  @Test(arguments: cases, [.entropy, .prior, [.entropy, .prior]] as [Terms])
  func analyticGradientIsTheDerivativeOfTheClosedForm(_ c: Case, _ terms: Terms) throws {
    let d = c.dimension
    let prior = DiagonalNormal(mean: try c.numbers(3, d), scale: try c.numbers(4, d).map { 0.5 + abs($0) })
    let model = ExponentialModel(normal: prior, a: Array(repeating: 0, count: d))
    try c.check {
      c.family.addAnalyticGradient(of: terms, for: model, at: $0.draws, into: &$1)
    } expected: { _, _, lambda in
      gradient(at: lambda) { lambda in
        var value = 0.0
        for i in 0..<d {
          if terms.contains(.entropy) { value += 0.5 * log(2 * .pi) + 0.5 + lambda[d + i] }
          if terms.contains(.prior) {
            let square = pow(lambda[i] - prior.mean[i], 2) + exp(2 * lambda[d + i])
            value -= 0.5 * log(2 * .pi) + log(prior.scale[i]) + 0.5 * square / pow(prior.scale[i], 2)
          }
        }
        return value
      }
    }
  }

  /// Value, gradient, coordinate values and optimal shift by their definitions, each an expectation over two
  /// coordinates, taken by a product of trapezoidal rules.
  @Test(
    arguments: [.likelihood, .entropy, .prior, [.likelihood, .entropy], [.likelihood, .prior, .entropy]] as [Terms])
  func exactExpectationAgreesWithQuadrature(_ terms: Terms) throws {
    let model = ExponentialModel(normal: DiagonalNormal(mean: [0.5, -1], scale: [2, 0.7]), a: [0.6, -0.9])
    let lambda = [0.3, -0.5, -0.2, 0.4]
    let exact = try #require(MeanFieldNormal(dimension: 2).exactExpectation(of: terms, for: model, parameters: lambda))

    var value = 0.0, coordinates = [0.0, 0]
    var first = [0.0, 0, 0, 0], weighted = first, squares = first
    for (e0, w0) in normalRule {
      for (e1, w1) in normalRule {
        let e = [e0, e1], weight = w0 * w1
        let z = (0..<2).map { lambda[$0] + exp(lambda[2 + $0]) * e[$0] }
        let logPrior = logDensities(z, model.priorParameters), logQ = logDensities(z, lambda)
        let likelihood = terms.contains(.likelihood) ? model.logLikelihood(z) : 0
        let summands = (0..<2).map {
          (terms.contains(.prior) ? logPrior[$0] : 0) - (terms.contains(.entropy) ? logQ[$0] : 0)
        }
        let f = likelihood + summands[0] + summands[1]
        let score = (0..<2).map { e[$0] * exp(-lambda[2 + $0]) } + e.map { $0 * $0 - 1 }
        value += weight * f
        for d in 0..<2 { coordinates[d] += weight * (likelihood + summands[d]) }
        for p in 0..<4 {
          first[p] += weight * f * score[p]
          weighted[p] += weight * f * score[p] * score[p]
          squares[p] += weight * score[p] * score[p]
        }
      }
    }
    #expect(abs(exact.value - value) < 1e-12)
    #expect(largestError(exact.gradient, first) < 1e-12)
    #expect(largestError(exact.coordinateValues, coordinates) < 1e-12)
    #expect(largestError(try #require(exact.optimalShift), (0..<4).map { weighted[$0] / squares[$0] - value }) < 1e-12)
  }

  /// One λ in every lane gives the same bits as that λ shared.
  @Test func perLaneEqualsShared() throws {
    let c = Case(dimension: 3, samples: 2, lanes: 11, perLane: false), shared = try c.parameters()
    let model = ExponentialModel(normal: DiagonalNormal(mean: [1, 0, -1], scale: [1, 2, 0.5]), a: [1, 1, 1])
    let quantities = Quantities(values: .entropy, gradients: .entropy, coordinateValues: .entropy)
    let weights = try c.numbers(1, c.shape.elementCount), centers = try c.numbers(2, 6)

    func results(_ parameters: [Double]) throws -> [[Double]] {
      var random = try RandomStream(try #require(Generator.named("mt19937")), index: 99)
      var block = DrawBlock(shape: c.shape, parameters: parameters)
      block.sample(try c.problem(), random: &random)
      block.evaluate(quantities, of: try c.problem())
      var all = [
        block.draws.z, block.evaluation.values(of: .entropy), block.evaluation.gradient(of: .entropy),
        block.evaluation.coordinateValues(of: .entropy),
      ]
      func add(_ body: (borrowing Draws, inout MutableSpan<Double>) -> Void) {
        var gradients = [Double](repeating: 0, count: 6 * c.lanes)
        var span = gradients.mutableSpan
        body(block.draws, &span)
        all.append(gradients)
      }
      let few = Array(weights.prefix(c.shape.drawCount))
      add { c.family.addScore(weights: few.span, centers: centers.span, at: $0, into: &$1) }
      add { c.family.addCoordinateScore(weights: weights.span, centers: centers.span, at: $0, into: &$1) }
      add { c.family.addPullback(cotangents: weights.span, factor: 0.3, at: $0, into: &$1) }
      add { c.family.addPathwiseEntropyGradient(factor: 0.3, at: $0, into: &$1) }
      add { c.family.addAnalyticGradient(of: [.entropy, .prior], for: model, at: $0, into: &$1) }
      return all
    }
    #expect(try results(shared) == results(shared.flatMap { Array(repeating: $0, count: c.lanes) }))
  }

  @Test func parametersOfADistribution() throws {
    let family = MeanFieldNormal(dimension: 2), normal = DiagonalNormal(mean: [1, -2], scale: [0.5, 3])
    let lambda = try #require(family.parameters(of: normal))
    #expect(largestError(lambda, [1, -2, log(0.5), log(3)]) < 1e-15)
    // q at that λ is the distribution.
    let z = [0.3, -1.1]
    let density = z.indices.reduce(0.0) {
      $0 - 0.5 * log(2 * .pi * pow(normal.scale[$1], 2)) - 0.5 * pow((z[$1] - normal.mean[$1]) / normal.scale[$1], 2)
    }
    #expect(abs(logDensity(z, lambda) - density) < 1e-14)
    #expect(family.parameters(of: DiagonalNormal.standard(3)) == nil && family.parameters(of: UnknownPrior()) == nil)
    #expect(family.parameters(of: DiagonalNormal.standard(2)) == family.initialParameters)
  }

  /// A dense precision is of the family where it is diagonal.
  @Test func parametersOfADenseNormal() throws {
    let family = MeanFieldNormal(dimension: 2)
    let lambda = try #require(family.parameters(of: MultivariateNormal(mean: [1, -2], precision: [4, 0, 0, 1.0 / 9])))
    #expect(largestError(lambda, [1, -2, log(0.5), log(3)]) < 1e-15)
    #expect(family.parameters(of: MultivariateNormal(mean: [1, -2], precision: [4, 1e-9, 1e-9, 1])) == nil)
    #expect(family.parameters(of: MultivariateNormal(mean: [1], precision: [4])) == nil)
  }

  @Test func whatHasAClosedForm() {
    let family = MeanFieldNormal(dimension: 2), normal = ExponentialModel(normal: .standard(2), a: [0, 0])
    #expect(family.analyticTerms(for: normal) == [.entropy, .prior])
    #expect(family.analyticTerms(for: OpaqueModel()) == .entropy)
    #expect(family.exactExpectation(of: .prior, for: OpaqueModel(), parameters: family.initialParameters) == nil)
    #expect(family.exactExpectation(of: .entropy, for: OpaqueModel(), parameters: family.initialParameters) != nil)
  }

  @Test func parameterBlocks() throws {
    let family = try MeanFieldNormalSpecification().makeFamily(dimension: 3)
    #expect(
      family.parameterBlocks == [
        ParameterBlock(name: "mean", range: 0..<3), ParameterBlock(name: "log_scale", range: 3..<6),
      ])
    #expect(family.parameterCount == 6 && family.dimension == 3)
    let factorized = try #require(family as? any FactorizedFamily)
    #expect((0..<6).map(factorized.coordinate) == [0, 1, 2, 0, 1, 2])
  }
}
