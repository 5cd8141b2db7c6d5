import EvidenceEstimation
import GradientEstimation
import Randomness
import Testing
import VariationalFamilies

/// Importance sampling, annealed importance sampling and the reciprocal estimator, held to the exact log p(x) of linear models
/// of 2, 5 and 10 latents, of 64 data each.
///
/// The level of a row of scores is 10⁻³: that none of 64 is beyond 4.5 (4·10⁻⁴), that their sum over √64 is not beyond 3.7 but
/// for the bias that is stated (2·10⁻⁴), and that intervals of 95 % hold what they should as often as a binomial count of
/// lower tail 4·10⁻⁴ does. 18 rows are level 0.02 of all.
@Suite struct LinearModelTests {
  static let lanes = 64

  private func check<E: EvidenceEstimator>(
    _ estimator: E, _ linear: LinearCase, samples: Int, seed: UInt, isFullRank: Bool = false
  ) throws {
    let model = try linear.model(), data = try Data(model, Self.lanes, isFullRank: isFullRank)
    let problem = try problem(model, isFullRank ? FullRankNormal(dimension: linear.latent) : nil)
    var random = try stream(seed)
    try estimator.check(problem, samples: samples)
    let estimates = try estimator.estimate(
      problem,
      LaneData(
        lanes: Self.lanes, parameters: estimator.usesFamily ? data.parameters : [], observations: data.x),
      samples: samples, random: &random)
    let scores = try Scores(estimates, data.exact), errors = estimates.compactMap(\.standardError)
    let shapes = estimates.compactMap(\.paretoShape), id = E.descriptor.id
    #expect(scores.largest < 4.5, "\(id)")
    // The first-order bias of a logarithm, se/2 in units of errors.
    let bias = errors.reduce(0) { $0 + 0.5 * $1 } / Double(Self.lanes).squareRoot()
    #expect(abs(scores.mean) < 3.7 + bias, "\(id)")
    #expect(binomialTail(scores.covered, of: Self.lanes, 0.95) > 4e-4, "\(id): \(scores.covered)")
    // Of 64 weights k̂ has a standard error of a third and more.
    if samples >= 1000 { #expect(shapes.count == Self.lanes && shapes.allSatisfy { $0 < 0.7 }, "\(id)") }
    #expect(errors.allSatisfy { $0 > 0 && $0 < 0.5 }, "\(id)")
  }

  @Test(arguments: LinearCase.all) func importanceSamplingAgrees(_ linear: LinearCase) throws {
    try check(ImportanceSampling(), linear, samples: 4000, seed: 1, isFullRank: !linear.isAutoencoder)
  }

  @Test(arguments: LinearCase.all) func annealedImportanceSamplingAgrees(_ linear: LinearCase) throws {
    var estimator = AnnealedImportanceSampling()
    estimator.temperatures = 120
    try check(estimator, linear, samples: 64, seed: 2)
    estimator.start = .family
    estimator.temperatures = 20
    try check(estimator, linear, samples: 64, seed: 3)
  }

  @Test(arguments: LinearCase.all) func reciprocalAgrees(_ linear: LinearCase) throws {
    var estimator = ReciprocalImportanceSampling()
    estimator.chains = 50
    try check(estimator, linear, samples: 1000, seed: 4)
    estimator.inflation = 0.8
    try check(estimator, linear, samples: 1000, seed: 5)
  }
}
