import Foundation
import GradientEstimation
@testable import LatentModels
import Testing

@Suite struct PoissonRegressionTests {
  static func data(rows: Int, features: Int) throws -> RegressionData {
    try regressionData(rows: rows, features: features, in: .counts) { abs(3 * $0).rounded() }
  }

  static func shipped(_ change: (inout PoissonRegression) -> Void = { _ in }) throws -> Regression {
    var specification = PoissonRegression()
    change(&specification)
    return try #require(try specification.makeIntegrand() as? Regression)
  }

  static func logPoisson(_ y: Double, _ eta: Double) -> Double { y * eta - exp(eta) - lgamma(y + 1).0 }

  @Test(arguments: [(1, 1, 1, 1), (5, 2, 3, 7), (20, 3, 2, 9)])
  func valuesAndGradients(_ rows: Int, _ features: Int, _ samples: Int, _ lanes: Int) throws {
    let data = try Self.data(rows: rows, features: features), model = Regression(PoissonResponse(), data: data)
    try checkEvaluation(.likelihood, of: model, samples: samples, lanes: lanes) { z in
      [zip(data.target, data.predictors(z)).reduce(0) { $0 + Self.logPoisson($1.0, $1.1) }]
    }
  }

  /// Scales at which e^η leaves nothing beyond the nine deviations of the rule.
  @Test func momentsAgreeWithQuadrature() throws {
    let model = Regression(PoissonResponse(), data: try Self.data(rows: 7, features: 2))
    try checkRegressionMoments(of: model, mean: [0.4, -0.9, 0.3], scale: [0.3, 0.2, 0.4]) { Self.logPoisson($0, $1) }
  }

  /// Both formulae of log y!, and where they meet.
  @Test func logFactorials() {
    for y in [0, 1, 2, 5, 17, 21, 22, 23, 24, 50, 170, 171, 1000, 1e6, 1e15] {
      let error = logFactorial(y) - lgamma(y + 1).0
      #expect(abs(error) <= 4e-16 * (1 + y * log(y + 1)), "\(y)!")
    }
  }

  /// R's glm(breaks ~ wool * tension, family = poisson, warpbreaks): log likelihood −228.484604 (AIC 468.97) at the
  /// coefficients below, where the likelihood has no slope. scipy.stats.poisson.logpmf gives the same.
  @Test func warpbreaksAgreesWithR() throws {
    let model = try Self.shipped { $0.options.standardize = false }
    #expect(model.data.columns.count == 6 && model.dataCount == 54 && model.logEvidence == nil)
    #expect(Set(model.namedDistributions.keys) == ["prior"])
    let z = [-0.45662716, -0.61868302, -0.59579873, 0.63817681, 0.18836317, 3.79673685]
    let computed = try Computed(.likelihood, of: model, at: z, samples: 1, lanes: 1)
    #expect(abs(computed.values[0] + 228.48460447067524) < 1e-9)
    // Eight digits of z, times curvatures up to Σ y = 1520.
    #expect(computed.gradient.allSatisfy { abs($0) < 1520 * 6 * 5e-9 })
  }

  /// sum(y*c - exp(c + v/2) - scipy.special.gammaln(y + 1)), c = X@m, v = X**2 @ s**2, X standardised with divisor 54
  /// and a last column of ones, m = 0.1, s = 0.3.
  @Test func momentsAgreeWithSciPy() throws {
    let moments = try #require(
      try Self.shipped().hermiteMoments(
        of: .likelihood, mean: Array(repeating: 0.1, count: 6), scale: Array(repeating: 0.3, count: 6)))
    #expect(abs(moments.value + 3839.3455449808416) < 1e-9)
  }

  /// Too wide a q: no number, and no trap.
  @Test func overflowIsNotFinite() throws {
    let model = try Self.shipped(), zeros = [Double](repeating: 0, count: 6)
    let moments = try #require(
      model.hermiteMoments(of: .likelihood, mean: zeros, scale: Array(repeating: 40, count: 6)))
    #expect(!moments.value.isFinite)
    let computed = try Computed(
      .likelihood, of: model, at: Array(repeating: 900, count: 6), samples: 1, lanes: 1)
    #expect(computed.values[0] == -.infinity)
  }
}
