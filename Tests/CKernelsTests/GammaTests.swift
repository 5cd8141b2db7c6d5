import CGSL
import CKernels
import Testing

@Suite struct GammaTests {
  /// Shapes of 1e-2 to 1e5, tails included, against 60-digit values.
  @Test func distributionFunctionAndSlopeAgreeWithTheReference() {
    #expect(gammaReference.count == 144)
    for point in gammaReference {
      let p = wb_gamma_p(point.a, point.x), slope = wb_gamma_slope(point.a, wb_digamma(point.a), point.x)
      #expect(abs(p - point.p) <= 1e-12 * point.p, "P(\(point.a), \(point.x))")
      #expect(abs(slope - point.slope) <= 1e-11 * point.slope, "dx/da at \(point.a), \(point.x)")
    }
  }

  /// P of the quantile is u, from both tails.
  @Test(arguments: [0.01, 0.05, 0.3, 0.7, 1, 1.5, 2, 5, 12, 99.5, 1e3, 1e5])
  func quantilesInvertTheDistributionFunction(_ shape: Double) {
    let wanted = [1e-9, 1e-4, 0.01, 0.2, 0.4999, 0.5, 0.5001, 0.8, 0.99, 0.9999, 1 - 1e-9]
    var x = wanted
    wb_gamma_quantiles(shape, &x, x.count)
    for (u, x) in zip(wanted, x) where x > 1e-290 {
      #expect(abs(wb_gamma_p(shape, x) - u) <= 2e-11 * u, "u = \(u)")
      // GSL's own is good to 9 digits at a shape of 1e5.
      if shape > 1e4 { continue }
      #expect(abs(gsl_cdf_gamma_P(x, shape, 1) - u) <= 2e-11 * u, "u = \(u)")
      #expect(abs(gsl_cdf_gamma_Q(x, shape, 1) - (1 - u)) <= 2e-11 * (1 - u) + 2e-16, "u = \(u)")
    }
  }

  @Test func polygammasAgreeWithDifferences() {
    for x in [0.3, 1, 2.5, 40] {
      let h = 1e-4 * x
      let first = (wb_digamma(x + h) - wb_digamma(x - h)) / (2 * h)
      let second = (wb_trigamma(x + h) - wb_trigamma(x - h)) / (2 * h)
      let zeroth = (wb_log_gamma(x + h) - wb_log_gamma(x - h)) / (2 * h)
      #expect(abs(zeroth / wb_digamma(x) - 1) < 1e-6)
      #expect(abs(first / wb_trigamma(x) - 1) < 1e-6)
      #expect(abs(second / wb_tetragamma(x) - 1) < 1e-6)
    }
  }

  @Test func whatIsNoShapeGivesNoNumber() {
    for a in [0, -1, Double.nan, .infinity] {
      var u = [0.5]
      wb_gamma_quantiles(a, &u, 1)
      #expect(u[0].isNaN && wb_digamma(a).isNaN && wb_gamma_p(a, 1).isNaN && wb_gamma_slope(a, 0, 1).isNaN)
    }
    #expect(wb_gamma_slope(1, wb_digamma(1), 0).isNaN && wb_gamma_p(2, 0) == 0)
  }

  /// Draws of every generator's normal method follow the distribution function: 20 cells of equal chance, at a family-wise
  /// level of 10⁻⁴.
  @Test(arguments: [("mt19937", Int32(0)), ("slatec", 1)], [0.2, 1, 3.7])
  func drawsFollowTheDistribution(_ source: (name: String, polar: Int32), _ shape: Double) throws {
    let generator = try GSLTests.Source(source.name)
    var draws = [Double](repeating: 0, count: 40_000), counts = [Int](repeating: 0, count: 20)
    wb_fill_gamma(generator.rng, source.polar, shape, &draws, draws.count)
    for x in draws { counts[min(19, Int(20 * wb_gamma_p(shape, x)))] += 1 }
    #expect(GSLTests.uniformityP(counts) > 1e-4 / 6)
  }
}
