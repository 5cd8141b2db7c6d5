import EstimatorStatistics
import Estimators
import ExperimentRunner
import Foundation
import GradientEstimation
import Testing

/// TRUTHS of measure-valued gradients under a normal measure: the published definitions by quadrature, closed forms for
/// quadratics, the table, and what is measured.
@Suite struct MeasureValuedTests {
  typealias Case = CostFunctionTests.Case

  static func moments(_ c: Case, isMean: Bool, coupled: Bool) -> (mean: Double, variance: Double, kurtosis: Double) {
    Quadrature.measureValued(c.f, m: c.m, s: c.s, isMean: isMean, coupled: coupled)
  }

  static func truths(_ c: Case) -> [(truth: Truth, kurtosis: Double)] {
    [true, false].flatMap { coupled in
      [("mean", true), ("log_scale", false)].map { block, isMean in
        let moments = moments(c, isMean: isMean, coupled: coupled)
        let name = coupled ? "measure-valued" : "measure-valued:coupling=false"
        return (Truth(estimator: name, block: block, variance: moments.variance), moments.kurtosis)
      }
    }
  }

  static let familySize = generators.count * CostFunctionTests.cases.count * 4

  /// Family-wise at 10⁻⁴, each interval within about 1 %.
  @Test(arguments: CostFunctionTests.cases, generators)
  func variancesAgreeWithQuadrature(_ c: Case, generator: String) async throws {
    let truths = Self.truths(c), kurtosis = truths.filter { $0.truth.variance > 1e-20 }.map(\.kurtosis).max() ?? 3
    let figures = try await Measurement(
      model: c.model, at: "mean=\(c.m),log_scale=\(log(c.s))", replicates: Int(46_000 * max(5, kurtosis - 1)),
      generator: generator
    ).run(["measure-valued", "measure-valued:coupling=false"])
    try check(truths.map(\.truth), in: figures, familySize: Self.familySize)
    for entry in figures.entries { #expect(try #require(entry.all?.bias).p > 1e-4 / Double(Self.familySize)) }
  }

  /// Published closed forms: mean coupled and not, log_scale coupled and not.
  @Test(arguments: [
    ("linear", [0.27323954, 0.13661977, 1, 4]), ("quadratic:k=-3.0", [17.487331, 10.016905, 68, 264]),
    ("quadratic:k=0.0", [1.0929582, 1.8197186, 8, 24]), ("quadratic:k=1.0", [0, 1.2732395, 4, 8]),
    ("quadratic:k=3.0", [4.3718327, 3.4591559, 20, 72]),
    ("exp-quadratic:k=0.1", [0.0025090891, 0.0050713159, 0.021970547, 0.08730628]),
    ("exp-quadratic:k=1.0", [0.012567616, 0.012647002, 0.07066471, 0.27692068]),
    ("cosine:k=0.5", [0.0082754671, 0.015163413, 0.065266193, 0.22667633]),
    ("cosine:k=1.0", [0.028004035, 0.04041681, 0.20262779, 0.94892556]),
    ("cosine:k=2.0", [0.22408252, 0.13303375, 0.72742722, 0.96981622]),
  ]) func quadratureGivesTheTable(_ model: String, _ wanted: [Double]) throws {
    let c = try #require(CostFunctionTests.cases.first { $0.model == model && $0.m == 1 })
    let found = [(true, true), (true, false), (false, true), (false, false)].map { isMean, coupled in
      Self.moments(c, isMean: isMean, coupled: coupled).variance
    }
    for (a, b) in zip(found, wanted) { #expect(abs(a - b) < 2e-7 * max(1, b), "\(model): \(found)") }
  }

  /// A + B ε + C ε² at other points: the table of closed forms, and the gradient.
  @Test(arguments: [(0.3, -0.7, 1.1, 0.4, 1.3), (-1.2, 0.5, 0, 2, 0.3), (0.8, 2, -1, -0.6, 2.1)])
  func quadraticsHaveClosedForms(_ a: Double, _ b: Double, _ c: Double, _ m: Double, _ s: Double) {
    let f = { (z: Double) in a * z * z + b * z + c }, B = (2 * a * m + b) * s, C = a * s * s
    for (isMean, coupled, wanted) in [
      (true, true, B * B * (4 - .pi) / (.pi * s * s)),
      (true, false, (B * B * (2 - .pi / 2) + 4 * C * C) / (.pi * s * s)), (false, true, B * B + 4 * C * C),
      (false, false, 4 * B * B + 8 * C * C),
    ] {
      let found = Quadrature.measureValued(f, m: m, s: s, isMean: isMean, coupled: coupled)
      #expect(abs(found.variance - wanted) < 1e-7 * max(1, wanted))
      #expect(abs(found.mean - (isMean ? B / s : 2 * C)) < 1e-7 * max(1, abs(B / s)))
    }
  }

  /// Under N(1, 1), one draw, in log s: where the coupled estimator and the optimal constant baseline cross.
  @Test(arguments: [("exp", 1.4181142), ("cos", 2.2876126), ("cos", 4.1426193)])
  func crossovers(_ name: String, _ k: Double) {
    func gap(_ k: Double) -> Double {
      let f: (Double) -> Double = name == "exp" ? { exp(-k * $0 * $0) } : { cos(k * $0) }
      func score(_ e: Double) -> Double { e * e - 1 }
      let optimal = CostFunctionTests.expectation { f(1 + $0) * score($0) * score($0) } / 2
      let baselined = CostFunctionTests.moments { (f(1 + $0) - optimal) * score($0) }.variance
      return baselined - Quadrature.measureValued(f, m: 1, s: 1, isMean: false, coupled: true).variance
    }
    #expect(abs(gap(k)) < 1e-6 && gap(k * 0.99) * gap(k * 1.01) < 0)
  }

  /// Where coupling is a gain, and where the coupled estimator is below the pathwise one.
  @Test func whoIsBelowWhom() {
    for (name, ks) in [("exp", [0.01, 0.1, 1, 5, 50]), ("cos", [0.1, 0.5, 1, 3, 10])] {
      for k in ks {
        let f: (Double) -> Double = name == "exp" ? { exp(-k * $0 * $0) } : { cos(k * $0) }
        let slope: (Double) -> Double =
          name == "exp" ? { -2 * k * $0 * exp(-k * $0 * $0) } : { -k * sin(k * $0) }
        for isMean in [true, false] {
          let path = CostFunctionTests.moments { slope(1 + $0) * (isMean ? 1 : $0) }.variance
          #expect(
            Quadrature.measureValued(f, m: 1, s: 1, isMean: isMean, coupled: true).variance < path, "\(name) \(k)")
        }
      }
    }
    for (x0, isBelow) in [(-0.92, false), (-0.91, true), (2.91, true), (2.92, false)] {
      let f = { (z: Double) in (z - x0) * (z - x0) }
      let coupled = Quadrature.measureValued(f, m: 1, s: 1, isMean: true, coupled: true).variance
      #expect((coupled < 4) == isBelow, "pathwise has 4 in the mean")
    }
    let linear = [true, false].map {
      Quadrature.measureValued({ $0 }, m: 1, s: 1, isMean: true, coupled: $0).variance
    }
    #expect(abs(linear[0] / linear[1] - 2) < 1e-7, "coupling doubles the variance for f(z) = z")
  }

  /// The ELBO of the conjugate model: A + B ε + C ε² a coordinate, in each split; the other coordinates cancel.
  @Test(arguments: ["monte-carlo", "entropy", "analytic"]) func conjugateModel(_ split: String) async throws {
    let point = ConjugatePoint(x: -0.7, s: 1.5, m: 0.3, sq: exp(-0.4), d: 3)
    let (_, B, C) = point.coefficients(split), s2 = point.sq * point.sq
    let figures = try await Measurement(
      model: "gaussian:dimension=3,x=-0.7,noise=1.5", at: "mean=0.3,log_scale=-0.4", samples: 2, replicates: 400_000
    ).run(
      ["measure-valued:kl=\(split)", "measure-valued:coupling=false,kl=\(split)"].map {
        $0.replacingOccurrences(of: ":kl=monte-carlo", with: "").replacingOccurrences(of: ",kl=monte-carlo", with: "")
      })
    let names = figures.entries.map(\.entry.text)
    let wanted = [
      (names[0], B * B * (4 - .pi) / (.pi * s2), B * B + 4 * C * C),
      (names[1], (B * B * (2 - .pi / 2) + 4 * C * C) / (.pi * s2), 4 * B * B + 8 * C * C),
    ]
    let truths = wanted.flatMap { name, mean, scale in
      [
        Truth(estimator: name, block: "mean", variance: 3 * mean / 2),
        Truth(estimator: name, block: "log_scale", variance: 3 * scale / 2),
      ]
    }
    try check(truths, in: figures, familySize: 12)
  }

  @Test func costAndRefusals() throws {
    let bench = try Bench("gaussian:dimension=3", at: "initial", samples: 5, lanes: 2)
    let needs = try MeasureValued().requirements(samples: 5, of: bench.problem)
    #expect(needs.evaluations == 4 * 3 * 5 && needs.gradientEvaluations == 0 && needs.usesRandomNumbers)
    #expect(needs.quantities == Quantities() && needs.bias == .unbiased && !needs.needsIndependentDraws)
  }
}
