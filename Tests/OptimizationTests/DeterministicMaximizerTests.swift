import Foundation
import GradientEstimation
import LatentModels
import Optimization
import Testing
import VariationalFamilies

@Suite struct DeterministicMaximizerTests {
  /// 3 − ½ Σ_i a_i (x_i − c_i)² − ½ (Σ_i x_i − c_i)²: the maximum is 3, at c.
  @Test(arguments: [[0.0, 0, 0], [100, -50, 3]]) func quadratic(_ start: [Double]) throws {
    let curvature = [1.0, 10, 0.3], center = [1.0, -2, 7]
    let result = try #require(
      DeterministicMaximizer.maximize(from: start) { x in
        let r = x.indices.map { x[$0] - center[$0] }, sum = r.reduce(0, +)
        let value = 3 - 0.5 * zip(curvature, r).reduce(sum * sum) { $0 + $1.0 * $1.1 * $1.1 }
        return (value, x.indices.map { -curvature[$0] * r[$0] - sum })
      })
    #expect(zip(result.parameters, center).allSatisfy { abs($0 - $1) < 1e-8 })
    #expect(abs(result.value - 3) < 1e-12 && result.gradientNorm < 1e-8)
  }

  @Test(arguments: [[-1.2, 1], [3, -4], [0.0, 0]]) func rosenbrock(_ start: [Double]) throws {
    let result = try #require(
      DeterministicMaximizer.maximize(from: start) { x in
        let valley = x[1] - x[0] * x[0], side = 1 - x[0]
        return (-(100 * valley * valley + side * side), [400 * valley * x[0] + 2 * side, -200 * valley])
      })
    #expect(result.parameters.allSatisfy { abs($0 - 1) < 1e-8 } && abs(result.value) < 1e-15)
  }

  @Test func noMaximum() {
    #expect(DeterministicMaximizer.maximize(from: [1, 2]) { x in (x[0] - x[1], [1, -1]) } == nil)
    // Convex: away from its minimum the value grows without end.
    #expect(DeterministicMaximizer.maximize(from: [0.5]) { x in (x[0] * x[0], [2 * x[0]]) } == nil)
  }

  @Test func notFiniteOrNotDefined() {
    #expect(DeterministicMaximizer.maximize(from: [1]) { _ in (.nan, [0]) } == nil)
    #expect(DeterministicMaximizer.maximize(from: [1]) { _ in (.infinity, [0]) } == nil)
    #expect(DeterministicMaximizer.maximize(from: [1, 2]) { _ in nil } == nil)
    #expect(DeterministicMaximizer.maximize(from: []) { _ in (0, []) } == nil)
  }

  /// A search that steps where the function is not defined comes back: log x − x is largest at 1.
  @Test func stepsOutsideTheDomain() throws {
    let result = try #require(
      DeterministicMaximizer.maximize(from: [0.05]) { x in
        x[0] > 0 ? (log(x[0]) - x[0], [1 / x[0] - 1]) : nil
      })
    #expect(abs(result.parameters[0] - 1) < 1e-8)
  }

  @Test func aGradientThatStaysAboveAcceptanceIsRefused() {
    // A kink: the value is largest at 0, where the gradient is not zero.
    #expect(DeterministicMaximizer.maximize(from: [0.7]) { x in (-abs(x[0]), [x[0] > 0 ? -1 : 1]) } == nil)
  }

  /// The largest ELBO of logistic regression on the shipped data under a mean-field normal: −67.463367, of which
  /// E log p(y|z) is −40.413080, by another program's BFGS on a trapezoidal rule.
  @Test func breastCancerOptimum() throws {
    let model = try LogisticRegression().makeIntegrand(), family = MeanFieldNormal(dimension: 31)
    let result = try #require(
      DeterministicMaximizer.maximize(from: family.initialParameters) { lambda in
        family.exactExpectation(of: [.prior, .likelihood, .entropy], for: model, parameters: lambda)
          .map { ($0.value, $0.gradient) }
      })
    #expect(abs(result.value + 67.463367) < 1e-6 && result.gradientNorm < 1e-5)
    let likelihood = try #require(
      family.exactExpectation(of: .likelihood, for: model, parameters: result.parameters))
    #expect(abs(likelihood.value + 40.413080) < 1e-5)
  }
}
