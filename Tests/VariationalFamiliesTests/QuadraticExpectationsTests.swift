import GradientEstimation
import Testing
import VariationalFamilies

/// ∇_λ E_q t of a quadratic t, family by family.
@Suite struct QuadraticExpectationsTests {
  typealias Case = FamilyCase

  /// Arbitrary, with a symmetric curvature.
  static func quadratic(_ c: Case) throws -> Quadratic {
    let d = c.dimension, numbers = try c.numbers(5, d * d + 2 * d)
    let h = Array(numbers[..<(d * d)])
    return Quadratic(
      center: Array(numbers[(d * d)..<(d * d + d)]), value: 0.7, slope: Array(numbers[(d * d + d)...]),
      curvature: (0..<d * d).map { 0.5 * (h[$0] + h[$0 % d * d + $0 / d]) })
  }

  static let cases: [Case] =
    Case.all + [
      plain("mean-field-normal", MeanFieldNormal(dimension: 3), [0.4, -0.6, 0.1, -0.5, 0.2, -1]),
      plain("gamma", MeanFieldGamma(dimension: 2), [1.1, 0.6, 0.4, -0.2]),
      plain("beta", MeanFieldBeta(dimension: 2), [0.9, 0.3, -0.2, 1.2]),
    ]

  private static func plain(_ name: String, _ family: any ReparameterizableFamily, _ lambda: [Double]) -> Case {
    Case(name: name, family: family, lambda: lambda, logDensity: { _, _ in .nan }, transform: nil)
  }

  static func known(_ c: Case) throws -> any QuadraticExpectations {
    try #require(c.family as? any QuadraticExpectations)
  }

  /// It is the mean of the pathwise gradient ∂zᵀ∇t at draws. No |z| of all parameters of all families above 5: family-wise
  /// 10⁻⁴. Where E T⁴ is infinite (Student's t of 3) there is no standard error to hold it to.
  @Test(arguments: cases) func isTheMeanOverDraws(_ c: Case) throws {
    let t = try Self.quadratic(c), family = try Self.known(c), count = 60_000
    #expect(family.hasCovariance)
    if let student = c.family as? StudentT, student.degrees <= 4 { return }
    let shape = c.shape(samples: 1, lanes: count), block = try c.sample(shape, c.lambda)
    var values = [Double](repeating: 0, count: count), slopes = [Double](repeating: 0, count: shape.elementCount)
    t.evaluate(at: block.draws.z, shape, values: &values, gradient: &slopes)
    var sampled = [Double](repeating: 0, count: c.p * count), exact = [Double](repeating: 0, count: c.p)
    var span = sampled.mutableSpan
    c.family.addPullback(cotangents: slopes.span, factor: 1, at: block.draws, into: &span)
    let one = try c.sample(c.shape(samples: 1, lanes: 1), c.lambda)
    span = exact.mutableSpan
    family.addGradient(of: t, factor: 1, at: one.draws, into: &span)
    for i in 0..<c.p {
      let estimate = meanAndError(sampled[i * count..<(i + 1) * count])
      #expect(abs(estimate.mean - exact[i]) < 5 * estimate.error + 1e-12, "\(c.name) parameter \(i)")
    }
  }

  /// It is added, times a factor, and one λ in every lane gives the bits of that λ shared.
  @Test(arguments: cases) func perLaneEqualsShared(_ c: Case) throws {
    let t = try Self.quadratic(c), family = try Self.known(c), start = try c.numbers(7, c.p * Case.lanes)
    func result(_ parameters: [Double], factor: Double) -> [Double] {
      let draws = Draws(shape: c.shape(), parameters: parameters)
      var gradients = start
      var span = gradients.mutableSpan
      family.addGradient(of: t, factor: factor, at: draws, into: &span)
      return gradients
    }
    let shared = result(c.lambda, factor: -0.5)
    #expect(shared == result(c.lambda.flatMap { Array(repeating: $0, count: Case.lanes) }, factor: -0.5), "\(c.name)")
    let whole = result(c.lambda, factor: 1)
    let halves = zip(zip(shared, whole), start).map { ($0.0 - $1) + 0.5 * ($0.1 - $1) }
    #expect(halves.allSatisfy { abs($0) < 1e-12 } && shared != start, "\(c.name)")
  }

  @Test func tIsWhatItSays() throws {
    let t = Quadratic(center: [1, -2], value: 3, slope: [0.5, 2], curvature: [4, -1, -1, 6])
    var slope = [0.0, 0]
    let value = t.storeGradient(at: [2, -1], into: &slope)
    // 3 + 0.5 + 2 + ½ (4 − 2 + 6), and (0.5 + 4 − 1, 2 − 1 + 6).
    #expect(value == 9.5)
    #expect(slope == [3.5, 7])
    #expect(!StudentT(dimension: 2, degrees: 2).hasCovariance && StudentT(dimension: 2, degrees: 2.5).hasCovariance)
  }
}
