import Foundation
import GradientEstimation
import Randomness
import Testing
import VariationalFamilies

/// The laws of `VariationalFamily`, `ReparameterizableFamily` and `FactorizedFamily`, for every family that is stated draw by
/// draw: against densities written a second time, differentiated numerically.
@Suite struct FamilyLawTests {
  typealias Case = FamilyCase

  @Test(arguments: Case.all, [false, true]) func drawsAreTransformedNoise(_ c: Case, _ perLane: Bool) throws {
    guard let transform = c.transform else { return }
    let parameters = try c.parameters(perLane: perLane), block = try c.sample(c.shape(), parameters)
    let (noise, z) = (block.draws.noise, block.draws.z)
    #expect(Set(noise).count == noise.count)
    for k in 0..<Case.samples {
      for lane in 0..<Case.lanes {
        let wanted = transform(c.row(noise, k, lane, size: c.family.noiseDimension), c.lambda(parameters, lane))
        #expect(largestError(c.row(z, k, lane, size: c.dimension), wanted) < 1e-12)
      }
    }
  }

  @Test(arguments: Case.all, [false, true]) func entropyIsTheNegativeLogDensity(_ c: Case, _ perLane: Bool) throws {
    let parameters = try c.parameters(perLane: perLane), block = try c.sample(c.shape(), parameters)
    let quantities = Quantities(
      values: .entropy, gradients: .entropy, coordinateValues: c.family is any FactorizedFamily ? .entropy : [])
    let problem = try c.problem()
    var filled = DrawBlock(shape: c.shape(), parameters: parameters)
    filled.draws.noise = block.draws.noise
    filled.draws.z = block.draws.z
    filled.evaluate(quantities, of: problem)
    let values = filled.evaluation.values(of: .entropy), gradients = filled.evaluation.gradient(of: .entropy)
    let coordinates = filled.evaluation.coordinateValues(of: .entropy), d = c.dimension
    for k in 0..<Case.samples {
      for lane in 0..<Case.lanes {
        let z = c.row(block.draws.z, k, lane, size: d), lambda = c.lambda(parameters, lane)
        let value = values[k * Case.lanes + lane]
        #expect(abs(value + c.logDensity(z, lambda)) < 1e-11)
        let wanted = c.derivative(at: z) { -c.logDensity($0, lambda) }
        #expect(largestError(c.row(gradients, k, lane, size: d), wanted) < c.tolerance, "\(c.name)")
        if !coordinates.isEmpty {
          #expect(abs(c.row(coordinates, k, lane, size: d).reduce(0, +) - value) < 1e-11)
        }
      }
    }
  }

  /// Σ_k (w_k − c_p) ∂ log q(z_k)/∂λ_p at fixed z.
  @Test(arguments: Case.all, [false, true]) func scoreIsTheDerivativeOfTheLogDensity(_ c: Case, _ perLane: Bool) throws
  {
    let weights = try c.numbers(1, c.shape().drawCount), centers = try c.numbers(2, c.p)
    try c.check(perLane: perLane) {
      c.family.addScore(weights: weights.span, centers: centers.span, at: $0.draws, into: &$1)
    } expected: { block, lane, lambda in
      (0..<Case.samples).reduce(Array(repeating: 0, count: c.p)) { sum, k in
        let z = c.row(block.draws.z, k, lane, size: c.dimension)
        let score = c.derivative(at: lambda) { c.logDensity(z, $0) }
        return score.indices.map { sum[$0] + (weights[k * Case.lanes + lane] - centers[$0]) * score[$0] }
      }
    }
  }

  @Test(arguments: Case.all.filter { $0.family is any FactorizedFamily })
  func coordinateScoreWeighsEachCoordinate(_ c: Case) throws {
    let family = try #require(c.family as? any FactorizedFamily), d = c.dimension
    let weights = try c.numbers(1, c.shape().elementCount), centers = try c.numbers(2, c.p)
    try c.check(perLane: true) {
      family.addCoordinateScore(weights: weights.span, centers: centers.span, at: $0.draws, into: &$1)
    } expected: { block, lane, lambda in
      (0..<Case.samples).reduce(Array(repeating: 0, count: c.p)) { sum, k in
        let z = c.row(block.draws.z, k, lane, size: d), own = c.row(weights, k, lane, size: d)
        let score = c.derivative(at: lambda) { c.logDensity(z, $0) }
        return score.indices.map { sum[$0] + (own[family.coordinate(ofParameter: $0)] - centers[$0]) * score[$0] }
      }
    }
  }

  /// factor Σ_k c_k · z(ε_k, λ).
  @Test(arguments: Case.all, [false, true]) func pullbackIsTheDerivativeOfTheDraws(_ c: Case, _ perLane: Bool) throws {
    guard let transform = c.transform else { return }
    let cotangents = try c.numbers(1, c.shape().elementCount)
    try c.check(perLane: perLane) {
      c.family.addPullback(cotangents: cotangents.span, factor: 0.6, at: $0.draws, into: &$1)
    } expected: { block, lane, lambda in
      let noise = block.draws.noise
      return c.derivative(at: lambda) { lambda in
        (0..<Case.samples).reduce(0) { sum, k in
          let z = transform(c.row(noise, k, lane, size: c.family.noiseDimension), lambda)
          return sum + 0.6 * zip(c.row(cotangents, k, lane, size: c.dimension), z).reduce(0) { $0 + $1.0 * $1.1 }
        }
      }
    }
  }

  /// −factor Σ_k log q_λ(z(ε_k, λ)), through both of its λ.
  @Test(arguments: Case.all, [false, true]) func pathwiseEntropyIsTheTotalDerivative(_ c: Case, _ perLane: Bool) throws
  {
    guard let transform = c.transform else { return }
    try c.check(perLane: perLane) {
      c.family.addPathwiseEntropyGradient(factor: 0.6, at: $0.draws, into: &$1)
    } expected: { block, lane, lambda in
      let noise = block.draws.noise
      return c.derivative(at: lambda) { lambda in
        (0..<Case.samples).reduce(0) { sum, k in
          let z = transform(c.row(noise, k, lane, size: c.family.noiseDimension), lambda)
          return sum - 0.6 * c.logDensity(z, lambda)
        }
      }
    }
  }

  /// Where the pathwise entropy is claimed to be exact, it is that of the closed form at every draw.
  @Test(arguments: Case.all) func exactPathwiseEntropyIsTheClosedForm(_ c: Case) throws {
    let block = try c.sample(c.shape(samples: 1), c.lambda), problem = try c.problem()
    guard problem.family.analyticTerms(for: problem.model).contains(.entropy) else { return }
    var pathwise = [Double](repeating: 0, count: c.p * Case.lanes), closed = pathwise
    var span = pathwise.mutableSpan
    c.family.addPathwiseEntropyGradient(factor: 1, at: block.draws, into: &span)
    span = closed.mutableSpan
    c.family.addAnalyticGradient(of: .entropy, for: problem.model, at: block.draws, into: &span)
    #expect((largestError(pathwise, closed) < 1e-12) == c.family.pathwiseEntropyIsExact)
  }

  /// One λ in every lane gives the same bits as that λ shared.
  @Test(arguments: Case.all) func perLaneEqualsShared(_ c: Case) throws {
    let problem = try c.problem(), closed = problem.family.analyticTerms(for: problem.model)
    let weights = try c.numbers(1, c.shape().elementCount), centers = try c.numbers(2, c.p)
    func results(_ parameters: [Double]) throws -> [[Double]] {
      var block = try c.sample(c.shape(), parameters)
      block.evaluate(Quantities(values: .entropy, gradients: .entropy), of: problem)
      var all = [
        block.draws.z, block.evaluation.values(of: .entropy), block.evaluation.gradient(of: .entropy),
      ]
      func add(_ body: (borrowing Draws, inout MutableSpan<Double>) -> Void) {
        var gradients = [Double](repeating: 0, count: c.p * Case.lanes)
        var span = gradients.mutableSpan
        body(block.draws, &span)
        all.append(gradients)
      }
      let few = Array(weights.prefix(c.shape().drawCount))
      add { c.family.addScore(weights: few.span, centers: centers.span, at: $0, into: &$1) }
      add { c.family.addPullback(cotangents: weights.span, factor: 0.3, at: $0, into: &$1) }
      add { c.family.addPathwiseEntropyGradient(factor: 0.3, at: $0, into: &$1) }
      add { c.family.addAnalyticGradient(of: closed, for: problem.model, at: $0, into: &$1) }
      if let family = c.family as? any FactorizedFamily {
        add { family.addCoordinateScore(weights: weights.span, centers: centers.span, at: $0, into: &$1) }
      }
      return all
    }
    let spread = c.lambda.flatMap { Array(repeating: $0, count: Case.lanes) }
    #expect(try results(c.lambda) == results(spread), "\(c.name)")
  }

  /// Mean ± standard error of what is 0 in expectation, over every parameter of every family: no |z| above 5, family-wise
  /// 6e-7 times their number, below 10⁻³.
  @Test(arguments: Case.all) func theScoreHasExpectationZero(_ c: Case) throws {
    let count = 40_000, shape = c.shape(samples: 1, lanes: count), block = try c.sample(shape, c.lambda)
    var score = [Double](repeating: 0, count: c.p * count)
    var span = score.mutableSpan
    let ones = [Double](repeating: 1, count: count), zeros = [Double](repeating: 0, count: c.p)
    c.family.addScore(weights: ones.span, centers: zeros.span, at: block.draws, into: &span)
    for i in 0..<c.p {
      let estimate = meanAndError(score[i * count..<(i + 1) * count])
      #expect(abs(estimate.mean) < 5 * estimate.error, "\(c.name) parameter \(i)")
      #expect(estimate.error > 0)
    }
  }

  /// The closed-form entropy at λ moves as its gradient says, and is the mean of −log q at draws.
  @Test(arguments: Case.all) func closedFormsAgreeWithDraws(_ c: Case) throws {
    let problem = try c.problem(), closed = c.family.analyticTerms(for: problem.model)
    guard closed.contains(.entropy) else { return }
    let count = 40_000, shape = c.shape(samples: 1, lanes: count)
    // The pathwise gradient of −log q + log p, at as many draws, has the closed form's expectation.
    var block = try c.sample(shape, c.lambda)
    let terms = closed.intersection([.entropy, .prior])
    block.evaluate(Quantities(gradients: .prior), of: problem)
    var sampled = [Double](repeating: 0, count: c.p * count)
    var span = sampled.mutableSpan
    c.family.addPathwiseEntropyGradient(factor: 1, at: block.draws, into: &span)
    if terms.contains(.prior) {
      c.family.addPullback(
        cotangents: block.evaluation.gradient(of: .prior).span, factor: 1, at: block.draws, into: &span)
    }
    var exact = [Double](repeating: 0, count: c.p)
    var room = exact.mutableSpan
    let one = try c.sample(c.shape(samples: 1, lanes: 1), c.lambda)
    c.family.addAnalyticGradient(of: terms, for: problem.model, at: one.draws, into: &room)
    for i in 0..<c.p {
      let estimate = meanAndError(sampled[i * count..<(i + 1) * count])
      #expect(abs(estimate.mean - exact[i]) < 5 * estimate.error + 1e-12, "\(c.name) parameter \(i)")
    }
  }

  /// Estimates of E z and E z² agree under every scheme that the family's noise may come from.
  @Test(arguments: Case.all) func drawsAreDistributedAsTheDensitySays(_ c: Case) throws {
    // Where z < t, by quadrature of the density in one coordinate, is what the share of draws says: only for D = 1.
    guard c.dimension == 1 else { return }
    let count = 40_000, block = try c.sample(c.shape(samples: 1, lanes: count), c.lambda)
    let z = block.draws.z.sorted()
    for quantile in [0.1, 0.35, 0.6, 0.9] {
      let t = z[Int(quantile * Double(count))]
      let mass = integral(c.family.support == .positive ? 1e-9 : t - 60, t) { exp(c.logDensity([$0], c.lambda)) }
      let error = (quantile * (1 - quantile) / Double(count)).squareRoot()
      #expect(abs(mass - quantile) < 5 * error, "\(c.name): \(mass) at \(quantile)")
    }
  }
}

/// Mean of independent numbers, and its standard error.
func meanAndError(_ numbers: ArraySlice<Double>) -> (mean: Double, error: Double) {
  let n = Double(numbers.count), mean = numbers.reduce(0, +) / n
  let square = numbers.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
  return (mean, (square / (n - 1) / n).squareRoot())
}

/// ∫ f from a to b, by Simpson's rule.
func integral(_ a: Double, _ b: Double, _ f: (Double) -> Double) -> Double {
  let n = 200_000, h = (b - a) / Double(n)
  var sum = f(a) + f(b)
  for i in 1..<n { sum += (i % 2 == 0 ? 2 : 4) * f(a + h * Double(i)) }
  return sum * h / 3
}
