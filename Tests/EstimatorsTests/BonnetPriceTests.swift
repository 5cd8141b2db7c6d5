import EstimatorStatistics
import Estimators
import ExperimentRunner
import Foundation
import GradientEstimation
import Testing

/// Bonnet's and Price's theorems: f′ for the mean, s² f″ for log s.
@Suite struct BonnetPriceTests {
  typealias Case = CostFunctionTests.Case

  static func curvature(_ c: Case) -> (Double) -> Double {
    let k = Double(c.model.drop { $0 != "=" }.dropFirst()) ?? .nan
    switch c.model.prefix(3) {
    case "lin": return { _ in 0 }
    case "qua": return { _ in 2 }
    case "exp": return { (4 * k * k * $0 * $0 - 2 * k) * exp(-k * $0 * $0) }
    default: return { -k * k * cos(k * $0) }
    }
  }

  static let familySize = CostFunctionTests.cases.count * 2

  /// Family-wise at 10⁻⁴; zero in log s for linear and quadratic f.
  @Test(arguments: CostFunctionTests.cases) func variancesAgreeWithQuadrature(_ c: Case) async throws {
    let curvature = Self.curvature(c)
    let first = CostFunctionTests.moments { c.derivative(c.m + c.s * $0) }
    let second = CostFunctionTests.moments { c.s * c.s * curvature(c.m + c.s * $0) }
    let kurtosis = [first, second].filter { $0.variance > 1e-20 }.map(\.kurtosis).max() ?? 3
    let figures = try await Measurement(
      model: c.model, at: "mean=\(c.m),log_scale=\(log(c.s))", replicates: Int(46_000 * max(5, kurtosis - 1))
    ).run(["bonnet-price"])
    let truths = [("mean", first.variance), ("log_scale", second.variance)].map {
      Truth(estimator: "bonnet-price", block: $0, variance: $1)
    }
    try check(truths, in: figures, familySize: Self.familySize)
    for entry in figures.entries { #expect(try #require(entry.all?.bias).p > 1e-4 / Double(Self.familySize)) }
  }

  /// The conjugate model: in the mean stl's, reparam's and analytic-kl's variance by split; none in log_scale.
  @Test func conjugateModel() async throws {
    let point = ConjugatePoint(x: -0.7, s: 1.5, m: 0.3, sq: exp(-0.4), d: 2)
    let figures = try await Measurement(
      model: "gaussian:dimension=2,x=-0.7,noise=1.5", at: "mean=0.3,log_scale=-0.4", samples: 3, replicates: 200_000
    ).run(["bonnet-price", "bonnet-price:kl=entropy", "bonnet-price:kl=analytic"])
    let means = [point.stl(samples: 3).0, point.reparam(samples: 3).0, point.analyticKL(samples: 3).0]
    let truths = zip(figures.entries, means).flatMap { entry, mean in
      [
        Truth(estimator: entry.entry.text, block: "mean", variance: 2 * mean),
        Truth(estimator: entry.entry.text, block: "log_scale", variance: 0),
      ]
    }
    try check(truths, in: figures, familySize: truths.count)
  }
}
