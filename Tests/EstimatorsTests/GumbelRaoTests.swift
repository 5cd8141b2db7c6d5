import Estimators
import ExperimentRunner
import Foundation
import GradientEstimation
import Testing

/// Gumbel-Rao on one bit, by quadrature given the bit; and on one-hot variables against straight-through.
@Suite struct GumbelRaoTests {
  struct Point: Sendable, CustomTestStringConvertible {
    let t, theta, tau: Double
    var testDescription: String { "t = \(t), θ = \(theta), τ = \(tau)" }

    /// V of what the bit leaves, and W of the rest: Var = V + W/S.
    var moments: (mean: Double, between: Double, within: Double) {
      let q = LogisticQuadrature(theta: theta), toy = RelaxedToy(t: t, tau: tau)
      let parts = [true, false].map { bit in
        let p = bit ? theta : 1 - theta, mean = q.expectation(where: bit, toy.straightThrough) / p
        return (p, mean, q.expectation(where: bit) { pow(toy.straightThrough($0) - mean, 2) })
      }
      let mean = parts.reduce(0) { $0 + $1.0 * $1.1 }
      return (mean, parts.reduce(0) { $0 + $1.0 * pow($1.1 - mean, 2) }, parts.reduce(0) { $0 + $1.2 })
    }
  }

  static let points = [
    Point(t: 0.45, theta: 0.9, tau: 1), Point(t: 0.499, theta: 0.5, tau: 0.6), Point(t: 0.2, theta: 0.35, tau: 0.3),
  ]

  @Test(arguments: points, generators) func variancesAgree(_ c: Point, generator: String) async throws {
    let (mean, between, within) = c.moments, tau = "temperature=\(numberText(c.tau))"
    let straight = LogisticQuadrature(theta: c.theta).moments(RelaxedToy(t: c.t, tau: c.tau).straightThrough)
    #expect(abs(mean / straight.mean - 1) < 1e-8 && abs((between + within) / straight.variance - 1) < 1e-8)
    let inner = [1, 4, 25], names = inner.map { "gumbel-rao:\(tau),inner=\($0)" }
    let figures = try await Measurement(
      model: "bernoulli-toy:target=\(c.t)", at: "logit=\(log(c.theta / (1 - c.theta)))", replicates: 200_000,
      generator: generator, family: "bernoulli"
    ).run(names)
    let size = Self.points.count * generators.count * 3
    for (name, s) in zip(names, inner) {
      let truth = Truth(estimator: name, block: "logit", variance: between + within / Double(s))
      try check([truth], in: figures, familySize: size, relativeHalfWidth: 0.06)
      try checkMean(mean, of: name, in: figures, familySize: size)
    }
  }

  /// Of one-hot variables too: the mean of straight-through, coordinate by coordinate, and no more variance.
  @Test func oneHotVariablesHaveTheMeanOfStraightThrough() async throws {
    let names = [
      "concrete:temperature=0.7,straight_through=true", "gumbel-rao:temperature=0.7,inner=1",
      "gumbel-rao:temperature=0.7",
    ]
    let figures = try await Measurement(
      model: "bernoulli-toy:target=0.6x0.51x0.3", at: "logit=0.7x-0.4x0.2", replicates: 400_000,
      family: "categorical:categories=3"
    ).run(names)
    let entries = try names.map { name in try #require(figures.entries.first { $0.entry.text == name }) }
    for entry in entries.dropFirst() {
      for (a, b) in zip(entries[0].coordinates, entry.coordinates) {
        #expect(abs(a.mean - b.mean) < 4.5 * (a.mcse * a.mcse + b.mcse * b.mcse).squareRoot())
      }
    }
    let variances = entries.map { $0.all?.variance ?? .nan }
    #expect(abs(variances[1] / variances[0] - 1) < 0.02 && variances[2] < 0.9 * variances[0])
  }
}
