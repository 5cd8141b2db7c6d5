import Foundation
import GradientEstimation
import Testing
import VariationalFamilies

/// What `full-rank-normal` and `low-rank-normal` know beyond the laws of every family.
@Suite struct DenseNormalTests {
  static let families: [FamilyCase] = [.fullRank(1), .fullRank(3), .lowRank(3, 1), .lowRank(3, 2)]

  /// log p(z) of a dense normal and log p(x | z) = e^{a·z}, with their moments under N(m, Σ).
  struct Model: LatentModel, NormalExpectations {
    let a: [Double]
    var dimension: Int { a.count }
    var precision: [[Double]] {
      a.indices.map { i in a.indices.map { j in (i == j ? 1.5 : 0.4) + 0.1 * Double(i + j) } }
    }
    var center: [Double] { a.map { 1 - $0 } }
    /// −½ (z − μ)ᵀ Λ (z − μ)
    func logPrior(_ z: [Double]) -> Double {
      var value = 0.0
      for i in 0..<dimension {
        for j in 0..<dimension { value -= 0.5 * precision[i][j] * (z[i] - center[i]) * (z[j] - center[j]) }
      }
      return value
    }
    var prior: (any Prior)? { MultivariateNormal(mean: center, precision: precision.flatMap { $0 }) }

    func evaluate(_ needed: Quantities, at draws: borrowing Draws, into evaluation: inout Evaluation) {}
    func hermiteMoments(of term: Term, mean: [Double], scale: [Double]) -> HermiteMoments? { nil }

    func covarianceMoments(of term: Term, mean: [Double], covariance: [Double]) -> CovarianceMoments? {
      let d = dimension
      func entry(_ i: Int, _ j: Int) -> Double { covariance[i * d + j] }
      if term == .likelihood {
        var exponent = zip(a, mean).reduce(0) { $0 + $1.0 * $1.1 }
        for i in 0..<d { for j in 0..<d { exponent += 0.5 * a[i] * entry(i, j) * a[j] } }
        let value = exp(exponent)
        return CovarianceMoments(
          value: value, gradient: a.map { $0 * value },
          hessian: a.flatMap { first in a.map { first * $0 * value } })
      }
      guard term == .prior else { return nil }
      var value = 0.0, gradient = mean.map { _ in 0.0 }
      for i in 0..<d {
        for j in 0..<d {
          let residuals = (mean[i] - center[i]) * (mean[j] - center[j])
          value -= 0.5 * precision[i][j] * (residuals + entry(i, j))
          gradient[i] -= precision[i][j] * (mean[j] - center[j])
        }
      }
      return CovarianceMoments(value: value, gradient: gradient, hessian: precision.flatMap { $0.map { -$0 } })
    }
  }

  func model(_ d: Int) -> Model { Model(a: (0..<d).map { 0.5 - 0.3 * Double($0) }) }

  /// The gradient is that of the value; the value is held to quadrature of each model's terms elsewhere.
  @Test(arguments: families, [.likelihood, .entropy, [.prior, .likelihood, .entropy]] as [Terms])
  func exactGradientIsTheDerivativeOfTheValue(_ c: FamilyCase, _ terms: Terms) throws {
    let model = model(c.dimension)
    let exact = try #require(c.family.exactExpectation(of: terms, for: model, parameters: c.lambda))
    let wanted = c.derivative(at: c.lambda) {
      c.family.exactExpectation(of: terms, for: model, parameters: $0)?.value ?? .nan
    }
    #expect(largestError(exact.gradient, wanted) < c.tolerance)
    #expect(c.family.exactExpectation(of: terms, for: OpaqueModel(), parameters: c.lambda) == nil || terms == .entropy)
  }

  /// E −log q over draws, and the value of the prior's expectation, whose mean the likelihood at a = 0 is.
  @Test(arguments: families) func exactValues(_ c: FamilyCase) throws {
    let count = 40_000, block = try c.sample(c.shape(samples: 1, lanes: count), c.lambda), z = block.draws.z
    let model = model(c.dimension)
    let draws = (0..<count).map { lane in (0..<c.dimension).map { z[$0 * count + lane] } }
    let entropy = meanAndError(draws.map { -c.logDensity($0, c.lambda) }[...])
    let exact = try #require(c.family.exactExpectation(of: .entropy, for: model, parameters: c.lambda))
    #expect(abs(exact.value - entropy.mean) < 5 * entropy.error)
    let prior = meanAndError(draws.map { model.logPrior($0) }[...])
    let known = try #require(c.family.exactExpectation(of: .prior, for: model, parameters: c.lambda))
    #expect(abs(known.value - prior.mean) < 5 * prior.error)
  }

  /// KL to a dense normal prior.
  @Test(arguments: families, [.entropy, .prior, [.entropy, .prior]] as [Terms])
  func analyticGradientIsTheDerivativeOfTheClosedForm(_ c: FamilyCase, _ terms: Terms) throws {
    let model = model(c.dimension)
    #expect(c.family.analyticTerms(for: model) == [.entropy, .prior])
    #expect(c.family.analyticTerms(for: OpaqueModel(dimension: c.dimension)) == .entropy)
    try c.check(perLane: true) {
      c.family.addAnalyticGradient(of: terms, for: model, at: $0.draws, into: &$1)
    } expected: { _, _, lambda in
      c.derivative(at: lambda) { c.family.exactExpectation(of: terms, for: model, parameters: $0)?.value ?? .nan }
    }
  }

  @Test(arguments: families) func diagonalNormalsAreMembers(_ c: FamilyCase) throws {
    let d = c.dimension
    let normal = DiagonalNormal(mean: (0..<d).map { 1 - Double($0) }, scale: (0..<d).map { 0.5 + Double($0) })
    let lambda = try #require(c.family.parameters(of: normal)), z = (0..<d).map { 0.2 * Double($0) - 0.1 }
    let density = z.indices.reduce(0.0) {
      $0 - 0.5 * log(2 * .pi * pow(normal.scale[$1], 2)) - 0.5 * pow((z[$1] - normal.mean[$1]) / normal.scale[$1], 2)
    }
    #expect(abs(c.logDensity(z, lambda) - density) < 1e-13)
    #expect(c.family.parameters(of: DiagonalNormal.standard(d + 1)) == nil)
    #expect(c.family.parameters(of: UnknownPrior()) == nil)
  }

  /// The full-rank family has every dense normal, the low-rank one only those that are diagonal.
  @Test func denseNormals() throws {
    let dense = MultivariateNormal(mean: [1, -2], precision: [2, 0.9, 0.9, 1])
    let full = FamilyCase.fullRank(2), lambda = try #require(full.family.parameters(of: dense))
    // Its covariance is the precision's inverse, 1/1.19 (1, −0.9; −0.9, 2).
    let wanted = normalLogDensity([0.3, 0.4], [1, -2], [[1 / 1.19, -0.9 / 1.19], [-0.9 / 1.19, 2 / 1.19]])
    #expect(abs(full.logDensity([0.3, 0.4], lambda) - wanted) < 1e-13)
    #expect(full.family.parameters(of: MultivariateNormal(mean: [0, 0], precision: [1, 2, 2, 1])) == nil)
    let low = LowRankNormal(dimension: 2, rank: 1)
    #expect(low.parameters(of: dense) == nil)
    #expect(low.parameters(of: MultivariateNormal(mean: [1, -2], precision: [4, 0, 0, 1])) != nil)
  }

  @Test func limitsAndShapes() throws {
    #expect(throws: ComponentError.self) { try FullRankNormalSpecification().makeFamily(dimension: 1001) }
    #expect(FullRankNormal(dimension: 1).parameterBlocks.map(\.name) == ["mean", "log_diagonal"])
    #expect(FullRankNormal(dimension: 4).parameterBlocks.last?.range == 8..<14)
    #expect(LowRankNormal(dimension: 4, rank: 3).noiseDimension == 7)
  }
}
