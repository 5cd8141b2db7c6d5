import Foundation
import GradientEstimation
@testable import LatentModels
import Testing

/// E f, E ∇f and E ∇²f under a normal with correlated coordinates, of every term that states them.
@Suite struct CovarianceMomentsTests {
  /// L of the covariance, and the mean, in two dimensions.
  static let mean = [0.4, -0.6], factor = [0.5, 0, -0.35, 0.4]
  static var covariance: [Double] {
    let l = factor
    return [l[0] * l[0], l[0] * l[2], l[0] * l[2], l[2] * l[2] + l[3] * l[3]]
  }

  static func model(_ name: String) throws -> any NormalExpectations {
    switch name {
    case "logistic":
      Regression(BernoulliResponse(), data: try regressionData(rows: 6, features: 1, in: .labels) { $0 > 0 ? 1 : 0 })
    case "poisson": Regression(PoissonResponse(), data: try PoissonRegressionTests.data(rows: 6, features: 1))
    case "linear":
      Regression(NormalResponse(noise: 0.8), data: try regressionData(rows: 6, features: 1, in: .numbers) { $0 })
    case "gaussian", "correlated":
      try gaussian(correlation: name == "gaussian" ? 0 : 0.7)
    case "linear cost": costs(LinearCost())
    case "quadratic cost": costs(QuadraticCost())
    case "exp-quadratic cost": costs(ExpQuadraticCost())
    default: costs(CosineCost())
    }
  }

  static func gaussian(correlation: Double) throws -> GaussianModel {
    var model = GaussianModel()
    model.dimensionOption = 2
    model.x = [1, -0.5]
    model.noise = 0.8
    model.correlation = correlation
    return try #require(try model.makeIntegrand() as? GaussianModel)
  }

  static func costs<C: SeparableCost>(_ cost: C) -> C {
    var cost = cost
    cost.dimensionOption = 2
    return cost
  }

  static let names = [
    "logistic", "poisson", "linear", "gaussian", "correlated", "linear cost", "quadratic cost", "exp-quadratic cost",
    "cosine cost",
  ]

  /// Against a product of trapezoidal rules over the two coordinates of ε, z = m + L ε. E ∇²f = E[∇f εᵀ] L⁻¹ by Stein's
  /// identity.
  @Test(arguments: names) func agreeWithQuadrature(_ name: String) throws {
    let model = try Self.model(name), l = Self.factor
    let grid = normalRule.enumerated().filter { $0.offset % 2 == 0 && abs($0.element.point) < 8.6 }.map(\.element)
    let points = grid.flatMap { a in grid.map { b in (e: [a.point, b.point], weight: 4 * a.weight * b.weight) } }
    let z = points.flatMap { point in
      [Self.mean[0] + l[0] * point.e[0], Self.mean[1] + l[2] * point.e[0] + l[3] * point.e[1]]
    }
    for term in model.terms.members {
      let moments = try #require(
        model.covarianceMoments(of: term, mean: Self.mean, covariance: Self.covariance), "\(name)")
      let found = try Computed(term, of: model, at: z, samples: points.count, lanes: 1)
      var value = 0.0, gradient = [0.0, 0], outer = [0.0, 0, 0, 0]
      for (k, point) in points.enumerated() {
        value += point.weight * found.values[k]
        for i in 0..<2 {
          let slope = point.weight * found.gradient[2 * k + i]
          gradient[i] += slope
          for j in 0..<2 { outer[2 * i + j] += slope * point.e[j] }
        }
      }
      // outer = H L
      let hessian = (0..<2).flatMap { i in
        let second = outer[2 * i + 1] / l[3]
        return [(outer[2 * i] - l[2] * second) / l[0], second]
      }
      #expect(abs(moments.value - value) < 1e-9 * (1 + abs(value)), "\(name) \(term)")
      #expect(largestError(moments.gradient, gradient) < 1e-9, "\(name) \(term)")
      #expect(largestError(moments.hessian, hessian) < 1e-9, "\(name) \(term)")
    }
  }

  /// Under a diagonal covariance they are what `hermiteMoments` says.
  @Test(arguments: names) func agreeWithHermiteMomentsWhereTheCovarianceIsDiagonal(_ name: String) throws {
    let model = try Self.model(name), scale = [0.6, 0.9]
    for term in model.terms.members {
      let dense = try #require(
        model.covarianceMoments(of: term, mean: Self.mean, covariance: [0.36, 0, 0, 0.81]))
      let hermite = try #require(model.hermiteMoments(of: term, mean: Self.mean, scale: scale))
      #expect(abs(dense.value - hermite.value) < 1e-13 * (1 + abs(hermite.value)))
      #expect(largestError((0..<2).map { dense.gradient[$0] * scale[$0] }, hermite.first) < 1e-13)
      #expect(
        largestError((0..<2).map { dense.hessian[3 * $0] * scale[$0] * scale[$0] }, hermite.second) < 1e-13)
    }
  }

  @Test(arguments: names) func nothingIsKnownOfOtherTerms(_ name: String) throws {
    let model = try Self.model(name)
    #expect(model.covarianceMoments(of: .entropy, mean: Self.mean, covariance: Self.covariance) == nil)
  }

  /// Polynomials are the terms that they stand for.
  @Test(arguments: ["gaussian", "linear cost", "quadratic cost"]) func polynomials(_ name: String) throws {
    let model = try Self.model(name), z = [0.7, -1.3]
    for term in model.terms.members {
      let polynomial = try #require((model as? any LogPolynomialModel)?.logPolynomial(of: term))
      let value = (0..<2).reduce(0) { $0 + polynomial.value(z[$1], coordinate: $1) }
      #expect(abs(value - (try Computed(term, of: model, at: z, samples: 1, lanes: 1)).values[0]) < 1e-13)
    }
    let correlated = try Self.gaussian(correlation: 0.7)
    #expect(correlated.logPolynomial(of: .likelihood) == nil && correlated.logPolynomial(of: .prior) != nil)
  }
}

@Suite struct MultivariateNormalTests {
  /// L is lower triangular with a positive diagonal, and L Lᵀ inverts the precision.
  @Test(arguments: [1, 2, 5]) func covarianceFactorInvertsThePrecision(_ d: Int) throws {
    let a = try normals(50, d * d)
    let precision = (0..<d * d).map { index in
      let (i, j) = (index / d, index % d)
      return (0..<d).reduce(i == j ? 0.5 : 0) { $0 + a[i * d + $1] * a[j * d + $1] }
    }
    let l = try #require(MultivariateNormal(mean: Array(repeating: 0, count: d), precision: precision).covarianceFactor)
    for i in 0..<d {
      #expect(l[i * d + i] > 0)
      for j in i + 1..<max(d, i + 1) { #expect(l[i * d + j] == 0) }
      for j in 0..<d {
        // (Λ L Lᵀ)_ij
        let entry = (0..<d).reduce(0.0) { sum, k in
          sum + precision[i * d + k] * (0..<d).reduce(0) { $0 + l[k * d + $1] * l[j * d + $1] }
        }
        #expect(abs(entry - (i == j ? 1 : 0)) < 1e-11)
      }
    }
  }

  @Test func notPositiveDefinite() {
    #expect(MultivariateNormal(mean: [0, 0], precision: [1, 2, 2, 1]).covarianceFactor == nil)
    #expect(MultivariateNormal(mean: [0], precision: [-1]).covarianceFactor == nil)
  }
}
