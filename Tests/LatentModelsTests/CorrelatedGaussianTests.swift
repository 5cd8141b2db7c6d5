import Foundation
import GradientEstimation
@testable import LatentModels
import Testing
import VariationalFamilies

/// `gaussian` with correlated noise, against dense matrices.
@Suite struct CorrelatedGaussianTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let dimension: Int
    let noise, correlation: Double
    var testDescription: String { "D = \(dimension), noise \(noise), ρ = \(correlation)" }

    /// noise² R, on top of `identity` times I.
    func covariance(identity: Double = 0) -> Dense {
      Dense(dimension) { i, j in
        noise * noise * pow(correlation, Double(abs(i - j))) + (i == j ? identity : 0)
      }
    }
    func x() throws -> [Double] { try normals(7, dimension).map { 2 * $0 } }
    func model() throws -> any LatentModel {
      try GaussianModelTests.model(dimension: dimension, x: try x(), noise: noise, correlation: correlation)
    }
  }

  static let cases = [
    Case(dimension: 2, noise: 1, correlation: 0.5), Case(dimension: 5, noise: 0.6, correlation: -0.8),
    Case(dimension: 9, noise: 3, correlation: 0.95), Case(dimension: 3, noise: 0.2, correlation: 0.999),
    Case(dimension: 40, noise: 1, correlation: -0.3),
  ]

  @Test(arguments: cases) func valuesAndGradients(_ c: Case) throws {
    let model = try c.model(), covariance = c.covariance(), x = try c.x(), d = c.dimension, (k, b) = (2, 3)
    let z = try normals(1, k * d * b), computed = try Computed(.likelihood, of: model, at: z, samples: k, lanes: b)
    // Relative to the condition of R, (1 + |ρ|)/(1 − |ρ|).
    let tolerance = 1e-14 * (1 + abs(c.correlation)) / (1 - abs(c.correlation))
    for draw in 0..<k {
      for lane in 0..<b {
        let point = (0..<d).map { z[(draw * d + $0) * b + lane] }
        let value = covariance.logNormal(x, mean: point), found = computed.values[draw * b + lane]
        #expect(abs(found - value) < tolerance * (1 + abs(value)))
        // ∇_z log N(x; z, C) = C⁻¹ (x − z)
        let gradient = covariance.solve((0..<d).map { x[$0] - point[$0] }).x
        #expect(largestError((0..<d).map { computed.gradient[(draw * d + $0) * b + lane] }, gradient) < 100 * tolerance)
      }
    }
    #expect(computed.coordinates.isEmpty)
    #expect(try Computed(.prior, of: model, at: z, samples: k, lanes: b).coordinates.count == k * d * b)
    #expect((model as? any FactorizedModel)?.factorizedTerms == .prior)
  }

  /// E log N(x; m + s ⊙ ε, C) = log N(x; m, C) − ½ Σ_d (C⁻¹)_dd s_d², a quadratic whose derivatives are known.
  @Test(arguments: cases) func moments(_ c: Case) throws {
    let d = c.dimension, x = try c.x(), mean = try normals(8, d), scale = try normals(9, d).map { exp(0.3 * $0) }
    let known = try #require(try c.model() as? any NormalExpectations)
    let moments = try #require(known.hermiteMoments(of: .likelihood, mean: mean, scale: scale))
    let covariance = c.covariance(), slope = covariance.solve((0..<d).map { x[$0] - mean[$0] }).x
    let diagonal = (0..<d).map { i in covariance.solve((0..<d).map { $0 == i ? 1 : 0 }).x[i] }
    let second = (0..<d).map { -diagonal[$0] * scale[$0] * scale[$0] }
    let value = covariance.logNormal(x, mean: mean) + 0.5 * second.reduce(0, +)
    let tolerance = 1e-14 * (1 + abs(c.correlation)) / (1 - abs(c.correlation))
    #expect(abs(moments.value - value) < tolerance * (1 + abs(value)))
    #expect(largestError(moments.first, (0..<d).map { slope[$0] * scale[$0] }) < 100 * tolerance)
    #expect(largestError(moments.second, second) < 100 * tolerance && moments.fourth.allSatisfy { $0 == 0 })
    #expect(moments.coordinateValues == nil)
  }

  /// x ~ N(0, I + noise² R)
  @Test(arguments: cases) func evidence(_ c: Case) throws {
    let found = try #require(try c.model().logEvidence), wanted = c.covariance(identity: 1).logNormal(try c.x())
    #expect(abs(found - wanted) < 1e-13 * (1 + abs(wanted)), "\(found) instead of \(wanted)")
  }

  /// scipy.stats.multivariate_normal.logpdf(x, cov=numpy.eye(4) + 0.49 * 0.6 ** abs(i - j))
  @Test func evidenceAgreesWithSciPy() throws {
    let model = try GaussianModelTests.model(dimension: 4, x: [1.5, 2, -3, 0.4], noise: 0.7, correlation: 0.6)
    let evidence = try #require(model.logEvidence)
    #expect(abs(evidence + 10.63476436561242) < 1e-13)
  }

  /// log p(x, z) − log p(z | x) is log p(x) whatever z.
  @Test(arguments: cases) func thePosteriorIsExact(_ c: Case) throws {
    let model = try c.model(), evidence = try #require(model.logEvidence), d = c.dimension, lanes = 4
    let posterior = try #require(model.namedDistributions["posterior"] as? MultivariateNormal)
    let z = try normals(4, d * lanes)
    let prior = try Computed(.prior, of: model, at: z, samples: 1, lanes: lanes)
    let likelihood = try Computed(.likelihood, of: model, at: z, samples: 1, lanes: lanes)
    for lane in 0..<lanes {
      let joint = prior.values[lane] + likelihood.values[lane]
      let difference = joint - logDensity(posterior, (0..<d).map { z[$0 * lanes + lane] })
      #expect(abs(difference - evidence) < 1e-12 * (1 + abs(joint)), "\(difference) instead of \(evidence)")
    }
    #expect(MeanFieldNormal(dimension: d).parameters(of: posterior) == nil)
  }

  /// One coordinate has no neighbour; and a dense posterior has its limit, where the evidence has none.
  @Test func edges() throws {
    let one = try GaussianModelTests.model(x: [0.3], noise: 0.6, correlation: 0.9)
    #expect(one.namedDistributions["posterior"] is DiagonalNormal)
    #expect((one as? any FactorizedModel)?.factorizedTerms == [.prior, .likelihood])
    #expect(try one.logEvidence == GaussianModelTests.model(x: [0.3], noise: 0.6).logEvidence)
    let wide = try GaussianModelTests.model(dimension: 2049, correlation: 0.5)
    #expect(Set(wide.namedDistributions.keys) == ["prior"] && wide.logEvidence?.isFinite == true)
    // A correlation that is next to none is next to none.
    let slight = try #require(try GaussianModelTests.model(dimension: 50, correlation: 1e-12).logEvidence)
    let none = try #require(try GaussianModelTests.model(dimension: 50).logEvidence)
    #expect(abs(slight - none) < 1e-9 && slight != none)
  }
}
