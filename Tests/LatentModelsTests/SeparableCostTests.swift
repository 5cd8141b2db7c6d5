import Foundation
import GradientEstimation
import LatentModels
import Testing

/// The costs of the literature: linear, quadratic, exponential-quadratic, cosine.
@Suite struct SeparableCostTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let name: String
    let make: @Sendable (_ dimension: Int) -> any Integrand & IntegrandSpecification
    let f: @Sendable (Double) -> Double
    var testDescription: String { name }

    func model(_ dimension: Int = 1) throws -> any Integrand { try make(dimension).makeIntegrand() }
  }

  static let cases: [Case] = {
    var cases = [
      Case(
        name: "linear",
        make: {
          var cost = LinearCost()
          cost.dimensionOption = $0
          return cost
        }, f: { $0 })
    ]
    for k in [-3.0, 0, 0.7] {
      cases.append(
        Case(
          name: "quadratic, k = \(k)",
          make: {
            var cost = QuadraticCost()
            (cost.dimensionOption, cost.k) = ($0, k)
            return cost
          }, f: { pow($0 - k, 2) }))
    }
    for k in [0.1, 1, 4] {
      cases.append(
        Case(
          name: "exp-quadratic, k = \(k)",
          make: {
            var cost = ExpQuadraticCost()
            (cost.dimensionOption, cost.k) = ($0, k)
            return cost
          }, f: { exp(-k * pow($0, 2)) }))
    }
    for k in [-2, 0, 0.5, 3] {
      cases.append(
        Case(
          name: "cosine, k = \(k)",
          make: {
            var cost = CosineCost()
            (cost.dimensionOption, cost.k) = ($0, k)
            return cost
          }, f: { cos(k * $0) }))
    }
    return cases
  }()

  @Test(arguments: cases, [(1, 1, 1), (1, 3, 5), (4, 2, 9)])
  func valuesAndGradients(_ c: Case, _ size: (Int, Int, Int)) throws {
    let (dimension, samples, lanes) = size
    try checkEvaluation(.cost, of: try c.model(dimension), samples: samples, lanes: lanes) { $0.map(c.f) }
  }

  @Test(arguments: cases, [(0, 1), (1, 1), (-0.4, 0.7), (0.9, 1.3), (2, 0.05)])
  func moments(_ c: Case, _ at: (Double, Double)) throws {
    try checkMoments(.cost, of: try c.model(), mean: [at.0], scale: [at.1]) { c.f($1) }
    try checkMoments(.cost, of: try c.model(3), mean: [at.0, 0.3, -1], scale: [at.1, 0.2, 0.8]) { c.f($1) }
  }

  @Test(arguments: cases) func costsOfferTheirCost(_ c: Case) throws {
    let model = try c.model(2), cost = try #require(model as? any CostFunction)
    #expect(model.dimension == 2 && model.terms == .cost && cost.sense == .minimize)
    let known = try #require(model as? any NormalExpectations)
    for term in [Term.prior, .likelihood, .entropy] {
      #expect(known.hermiteMoments(of: term, mean: [0, 0], scale: [1, 1]) == nil)
    }
  }
}
