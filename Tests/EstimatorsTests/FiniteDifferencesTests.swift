import EstimatorStatistics
import Estimators
import ExperimentRunner
import Foundation
import GradientEstimation
import Testing

/// Finite differences and simultaneous perturbation: what they are with a step so large that their bias shows.
@Suite struct FiniteDifferencesTests {
  typealias Case = CostFunctionTests.Case
  static let h = 0.3

  /// One estimate, K = 1, as a function of its noise.
  static func estimate(_ c: Case, isMean: Bool) -> (Double) -> Double {
    isMean
      ? { (c.f(c.m + h + c.s * $0) - c.f(c.m - h + c.s * $0)) / (2 * h) }
      : { (c.f(c.m + c.s * exp(h) * $0) - c.f(c.m + c.s * exp(-h) * $0)) / (2 * h) }
  }

  static let familySize = CostFunctionTests.cases.count * 4

  /// Mean and variance against quadrature, family-wise at 10⁻⁴.
  @Test(arguments: CostFunctionTests.cases) func momentsAgreeWithQuadrature(_ c: Case) async throws {
    let moments = [true, false].map { CostFunctionTests.moments(Self.estimate(c, isMean: $0)) }
    let kurtosis = moments.filter { $0.variance > 1e-20 }.map(\.kurtosis).max() ?? 3
    let text = "finite-differences:step=\(Self.h)"
    let figures = try await Measurement(
      model: c.model, at: "mean=\(c.m),log_scale=\(log(c.s))", replicates: Int(46_000 * max(5, kurtosis - 1))
    ).run([text])
    let truths = zip(["mean", "log_scale"], moments).map { Truth(estimator: text, block: $0, variance: $1.variance) }
    try check(truths, in: figures, familySize: Self.familySize)
    let entry = try #require(figures.entries.first)
    let stated = try #require(
      FiniteDifferences(step: Self.h).expectedGradient(
        of: figures.cell.problem, samples: 1, parameters: figures.cell.parameters))
    for (p, isMean) in [(0, true), (1, false)] {
      let wanted = CostFunctionTests.expectation(Self.estimate(c, isMean: isMean))
      #expect(abs(stated[p] - wanted) < 1e-10, "the stated expectation")
      let error = (moments[p].variance / Double(entry.moments.count)).squareRoot()
      #expect(abs(entry.moments.mean[p] - wanted) < 5.5 * error + 1e-12)
    }
  }

  /// With the default step the estimate is the pathwise gradient, draw by draw, to O(h²).
  @Test func smallStepsGiveThePathwiseGradient() throws {
    let bench = try Bench("gaussian:dimension=3,correlation=0.4", at: "mean=0.7,log_scale=-0.5", samples: 2, lanes: 7)
    let path = try bench.run(Reparameterization())
    let (coarse, fine) = (try bench.run(FiniteDifferences()), try bench.run(FiniteDifferences(step: 1e-4)))
    #expect(agree(coarse, path, 1e-5) && agree(fine, path, 1e-7))
    let needs = try FiniteDifferences().requirements(samples: 2, of: bench.problem)
    #expect(needs.evaluations == 24 && needs.bias != .unbiased)
    let fewer = try SimultaneousPerturbation().requirements(samples: 2, of: bench.problem)
    #expect(fewer.evaluations == 4)
  }

  /// f(z) = Σ z_d: with κ = s sinh(c)/c an estimate is Δ_p (Σ_i Δ_i + κ Σ_i Δ′_i ε_i/K…), in closed form.
  @Test(arguments: [1, 4]) func simultaneousPerturbationOfALinearCost(_ samples: Int) async throws {
    let d = 3.0, c = 0.3, s = exp(-0.2), text = "spsa:step=\(c)"
    let figures = try await Measurement(
      model: "linear:dimension=3", at: "mean=1,log_scale=-0.2", samples: samples, replicates: 400_000
    ).run([text])
    let noise = pow(s * sinh(c) / c, 2) / Double(samples)
    // Coordinate by coordinate: D − 1 of the other means, D κ² of the scales; and D means for a scale.
    try check(
      [
        Truth(estimator: text, block: "mean", variance: d * (d - 1 + d * noise)),
        Truth(estimator: text, block: "log_scale", variance: d * (d + d * noise)),
      ], in: figures, familySize: 4)
  }

  /// The stated expectation of SPSA against its measured mean, at a step whose bias is many standard errors.
  @Test func simultaneousPerturbationStatesItsBias() async throws {
    let estimator = SimultaneousPerturbation(step: 0.8)
    let figures = try await Measurement(
      model: "cosine:k=1,dimension=2", at: "mean=1,log_scale=-0.2", replicates: 400_000
    ).run(["spsa:step=0.8"])
    let entry = try #require(figures.entries.first), problem = figures.cell.problem
    let stated = try #require(
      estimator.expectedGradient(of: problem, samples: 1, parameters: figures.cell.parameters))
    let exact = try #require(problem.exact(at: figures.cell.parameters)).gradient
    var isSeen = false
    for p in stated.indices {
      let error = (entry.moments.variance(of: p) / Double(entry.moments.count)).squareRoot()
      #expect(abs(entry.moments.mean[p] - stated[p]) < 5 * error, "\(p): \(entry.moments.mean[p]), \(stated[p])")
      if abs(stated[p] - exact[p]) > 10 * error { isSeen = true }
    }
    #expect(isSeen)
    let wide = try Bench("gaussian:dimension=5", at: "initial", samples: 1, lanes: 1)
    #expect(estimator.expectedGradient(of: wide.problem, samples: 1, parameters: wide.parameters) == nil)
  }
}
