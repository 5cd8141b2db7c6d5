import Foundation
import GradientEstimation
import Randomness
import SamplingSchemes
import Testing
import VariationalFamilies

/// What `log-normal` and `student-t` know exactly, and how their noise is made.
@Suite struct FactorizedFamilyTests {
  static let families: [FamilyCase] = [
    .logNormal(1), .logNormal(3), .student(1, degrees: 3), .student(2, degrees: 7.5),
  ]

  /// f(z) = Σ_d (0.5 − 2 z_d + 0.3 (d + 1) z_d²), or with a logarithm in it, which a t has no closed form for.
  struct Model: CostFunction, LogPolynomialModel {
    var dimension: Int
    var logarithm = 0.0
    var sense: Sense { .minimize }
    func evaluate(_ needed: Quantities, at draws: borrowing Draws, into evaluation: inout Evaluation) {}
    func logPolynomial(of term: Term) -> LogPolynomial? {
      guard term == .cost else { return nil }
      let ones = (0..<dimension).map { _ in 1.0 }
      return LogPolynomial(
        dimension: dimension, constant: ones.map { 0.5 * $0 }, linear: ones.map { -2 * $0 },
        quadratic: (0..<dimension).map { 0.3 * Double($0 + 1) }, logarithm: ones.map { logarithm * $0 })
    }
    func value(_ z: [Double]) -> Double {
      z.indices.reduce(0.0) { sum, d in
        sum + 0.5 - 2 * z[d] + 0.3 * Double(d + 1) * z[d] * z[d] + (logarithm == 0 ? 0 : logarithm * log(z[d]))
      }
    }
    /// With a logarithm only where z is positive.
    static func of(_ c: FamilyCase) -> Model {
      Model(dimension: c.dimension, logarithm: c.family.support == .positive ? 0.8 : 0)
    }
  }

  @Test(arguments: families, [.cost, .entropy, [.cost, .entropy]] as [Terms])
  func exactGradientIsTheDerivativeOfTheValue(_ c: FamilyCase, _ terms: Terms) throws {
    let model = Model.of(c)
    let exact = try #require(c.family.exactExpectation(of: terms, for: model, parameters: c.lambda))
    let wanted = c.derivative(at: c.lambda) {
      c.family.exactExpectation(of: terms, for: model, parameters: $0)?.value ?? .nan
    }
    #expect(largestError(exact.gradient, wanted) < 1e-8)
    #expect(abs(exact.coordinateValues.reduce(0, +) - exact.value) < 1e-12)
    #expect(c.family.exactExpectation(of: .prior, for: model, parameters: c.lambda) == nil)
  }

  /// At |z| < 5 over eight means: below 10⁻⁵. The value by draws where its variance exists, ν > 4.
  @Test(arguments: families) func exactValues(_ c: FamilyCase) throws {
    let count = 40_000, block = try c.sample(c.shape(samples: 1, lanes: count), c.lambda), z = block.draws.z
    let draws = (0..<count).map { lane in (0..<c.dimension).map { z[$0 * count + lane] } }
    let model = Model.of(c)
    let entropy = meanAndError(draws.map { -c.logDensity($0, c.lambda) }[...])
    let known = try #require(c.family.exactExpectation(of: .entropy, for: model, parameters: c.lambda))
    #expect(abs(known.value - entropy.mean) < 5 * entropy.error)
    if let student = c.family as? StudentT, student.degrees <= 4 { return }
    let value = meanAndError(draws.map { model.value($0) }[...])
    let exact = try #require(c.family.exactExpectation(of: .cost, for: model, parameters: c.lambda))
    #expect(abs(exact.value - value.mean) < 5 * value.error)
  }

  @Test func momentsThatDoNotExist() {
    let heavy = StudentT(dimension: 1, degrees: 2), model = Model(dimension: 1)
    #expect(heavy.exactExpectation(of: .cost, for: model, parameters: [0, 0]) == nil)
    #expect(heavy.analyticTerms(for: GaussianPriorModel(dimension: 1)) == .entropy)
    #expect(
      StudentT(dimension: 1, degrees: 3).analyticTerms(for: GaussianPriorModel(dimension: 1)) == [.entropy, .prior])
    let logarithm = Model(dimension: 1, logarithm: 1)
    #expect(StudentT(dimension: 1, degrees: 9).exactExpectation(of: .cost, for: logarithm, parameters: [0, 0]) == nil)
    #expect(LogNormal(dimension: 1).exactExpectation(of: .cost, for: logarithm, parameters: [0, -1]) != nil)
  }

  /// E s_p² over draws, at |z| < 5 for fourteen means.
  @Test(arguments: families) func fisherInformationIsTheMeanSquareOfTheScore(_ c: FamilyCase) throws {
    let family = try #require(c.family as? any DiagonalFisherFamily), count = 40_000
    let block = try c.sample(c.shape(samples: 1, lanes: count), c.lambda), wanted = family.fisherDiagonal(at: c.lambda)
    var score = [Double](repeating: 0, count: c.p * count)
    var span = score.mutableSpan
    let ones = [Double](repeating: 1, count: count), zeros = [Double](repeating: 0, count: c.p)
    c.family.addScore(weights: ones.span, centers: zeros.span, at: block.draws, into: &span)
    for p in 0..<c.p {
      let square = meanAndError(score[p * count..<(p + 1) * count].map { $0 * $0 }[...])
      #expect(abs(square.mean - wanted[p]) < 5 * square.error)
    }
  }

  /// H of t with 1 degree of freedom is log 4π, and of many that of a normal.
  @Test func entropiesInTheLiterature() throws {
    func entropy(_ degrees: Double) throws -> Double {
      try #require(
        StudentT(dimension: 1, degrees: degrees).exactExpectation(
          of: .entropy, for: Model(dimension: 1), parameters: [0, 0])
      ).value
    }
    #expect(try abs(entropy(1) - log(4 * .pi)) < 1e-13)
    #expect(try abs(entropy(1e6) - 0.5 * log(2 * .pi * exp(1))) < 1e-5)
  }

  /// The share of draws below quantiles of t: |z| < 5 eight times.
  @Test(arguments: [false, true]) func studentDrawsHaveTheirQuantiles(_ stratified: Bool) throws {
    // P(T < t) for ν = 2: ½ + t / (2 √(2 + t²)).
    let family = FamilyCase.student(1, degrees: 2), count = 40_000
    let scheme: any SamplingScheme = stratified ? LatinHypercubeSampling() : IndependentSampling()
    let block = try family.sample(family.shape(samples: 1, lanes: count), [0, 0], scheme: scheme)
    for t in [-3.0, -0.5, 0.7, 2] {
      let p = 0.5 + t / (2 * (2 + t * t).squareRoot())
      let share = Double(block.draws.z.count { $0 < t }) / Double(count)
      #expect(abs(share - p) < 5 * (p * (1 - p) / Double(count)).squareRoot())
    }
  }

  /// T of a normal is where t's distribution function is the normal's: for ν = 1 and 2, which have closed forms, in the tails too.
  @Test func quantilesAreExact() throws {
    let shape = Shape(samples: 1, dimension: 1, parameters: 2, lanes: 2000)
    for degrees in [1.0, 2] {
      var draws = Draws(shape: shape, parameters: [0, 0])
      var random = try RandomStream(try #require(Generator.named("mt19937")), index: 1)
      StudentT(dimension: 1, degrees: degrees).sample(&draws, scheme: EvenNormals(), random: &random)
      for (x, t) in zip(EvenNormals.normals(2000), draws.z) {
        // P(T > t) of |x|: the upper tail of the normal.
        let tail = 0.5 * erfc(abs(x) / 2.0.squareRoot())
        let wanted = degrees == 1 ? 1 / tan(.pi * tail) : (1 - 2 * tail) / (2 * tail * (1 - tail)).squareRoot()
        #expect(abs(abs(t) - wanted) < 3e-12 * wanted + 1e-15 && (t < 0) == (x < 0), "\(degrees): \(x)")
      }
    }
  }

  /// Antithetic draws of T are mirror images; strata hold one draw each.
  @Test func schemesPlaceTheDraws() throws {
    let family = FamilyCase.student(2, degrees: 5), lambda = [0.0, 0, 0, 0]
    let pairs = try family.sample(family.shape(samples: 2), lambda, scheme: AntitheticSampling()).draws.z
    for i in 0..<2 * FamilyCase.lanes { #expect(abs(pairs[i] + pairs[2 * FamilyCase.lanes + i]) < 1e-12) }
    let strata = try family.sample(family.shape(samples: 2, lanes: 50), lambda, scheme: LatinHypercubeSampling())
    for i in 0..<100 { #expect(strata.draws.z[i] * strata.draws.z[100 + i] < 0) }
  }
}

/// Normals at even distances from −8 to 8.
private struct EvenNormals: SamplingScheme {
  static let descriptor = Descriptor<Self>(id: "fixed", summary: "numbers that are not random")
  var drawsAreIndependent: Bool { false }
  static func normals(_ count: Int) -> [Double] { (0..<count).map { -8 + 16 * (Double($0) + 0.37) / Double(count) } }
  func fillUniforms(_ uniforms: inout MutableSpan<Double>, shape: Shape, random: inout RandomStream) {}
  func fillNormals(_ noise: inout MutableSpan<Double>, shape: Shape, random: inout RandomStream) {
    for (i, x) in Self.normals(noise.count).enumerated() { noise[i] = x }
  }
}
