import ExperimentRunner
import Foundation
import GradientEstimation
import Testing

/// TRUTHS 2: the Bernoulli toy E(b − t)², at the table's θ and t and at others.
@Suite struct BernoulliToyTests {
  struct Point: Sendable, CustomTestStringConvertible {
    let t, theta: Double
    var testDescription: String { "t = \(t), θ = \(theta)" }

    var p: Double { theta * (1 - theta) }
    var delta: Double { 1 - 2 * t }
    /// f(1) and f(0)
    var f: (one: Double, zero: Double) { ((1 - t) * (1 - t), t * t) }
    /// Variances of one estimate, by their closed forms.
    var score: Double { p * pow((1 - theta) * f.one + theta * f.zero, 2) }
    var meanBaseline: Double { p * pow((1 - 2 * theta) * delta, 2) }
    func leaveOneOut(_ s: Double) -> Double {
      delta * delta * (p * (1 - 3 * p) / s - p * p * (s - 3) / (s * (s - 1)))
    }
  }

  static let points = [
    Point(t: 0.499, theta: 0.5), Point(t: 0.499, theta: 0.3), Point(t: 0.45, theta: 0.9), Point(t: 0.45, theta: 0.99),
    Point(t: 0.2, theta: 0.35), Point(t: 0.7, theta: 0.62),
  ]

  @Test(arguments: points, generators) func variancesAgree(_ c: Point, generator: String) async throws {
    let figures = try await Measurement(
      model: "bernoulli-toy:target=\(c.t)", at: "logit=\(log(c.theta / (1 - c.theta)))", samples: 2,
      replicates: 400_000, generator: generator, family: "bernoulli"
    ).run([
      "score", "score:baseline=mean", "score:baseline=optimal", "score:baseline=leave-one-out", "exact",
    ])
    let truths = [
      Truth(estimator: "score", block: "logit", variance: c.score / 2),
      Truth(estimator: "score:baseline=mean", block: "logit", variance: c.meanBaseline / 2),
      Truth(estimator: "score:baseline=optimal", block: "logit", variance: 0),
      Truth(estimator: "score:baseline=leave-one-out", block: "logit", variance: c.leaveOneOut(2)),
    ]
    try check(truths, in: figures, familySize: Self.points.count * generators.count * 4, relativeHalfWidth: 0.06)
    #expect(figures.cell.exact.map { abs($0.gradient[0] - c.delta * c.p) < 1e-15 } == true)
  }

  /// The closed forms, against numbers of the table: score, mean baseline, leave-one-out of 2 and 4.
  @Test(arguments: [
    (Point(t: 0.499, theta: 0.3), [0.013167139, 1.344e-07, 2.436e-07, 6.3e-08]),
    (Point(t: 0.45, theta: 0.9), [0.0040640625, 0.000576, 0.000369, 0.0001575]),
  ]) func formulaeGiveTheTable(_ c: Point, _ wanted: [Double]) {
    for (found, value) in zip([c.score, c.meanBaseline, c.leaveOneOut(2), c.leaveOneOut(4)], wanted) {
      #expect(abs(found / value - 1) < 1e-7)
    }
  }
}
