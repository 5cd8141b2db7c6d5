import EstimatorStatistics
import Testing

/// The tables are by mpmath 1.3 with 50 digits:
///
///     from mpmath import mp, mpf, erfc, sqrt, log, findroot
///     mp.dps = 50
///     Phi = lambda x: erfc(-x / sqrt(mpf(2))) / 2
///     print(x, float(Phi(mpf(x))), float(erfc(abs(mpf(x)) / sqrt(mpf(2)))))
///     print(p, float(findroot(lambda x: log(Phi(x)) - log(mpf(p)), start)))     # Phi(x) - p for p >= 0.4
@Suite struct NormalDistributionTests {
  @Test(arguments: [
    (-37, 5.725571222524577e-300, 1.1451142445049154e-299),
    (-20.0, 2.7536241186062337e-89, 5.5072482372124675e-89),
    (-10.0, 7.619853024160525e-24, 1.523970604832105e-23),
    (-5.0, 2.866515718791939e-07, 5.733031437583878e-07),
    (-2.5, 0.006209665325776135, 0.01241933065155227),
    (-1.0, 0.15865525393145705, 0.3173105078629141),
    (-0.5, 0.3085375387259869, 0.6170750774519738),
    (-0.001, 0.49960105778608893, 0.9992021155721779),
    (-1e-10, 0.49999999996010575, 0.9999999999202115),
    (0.25, 0.5987063256829237, 0.8025873486341526),
    (1.0, 0.8413447460685429, 0.3173105078629141),
    (1.959963984540054, 0.975, 0.050000000000000024),
    (3.0, 0.9986501019683699, 0.002699796063260189),
    (6.0, 0.9999999990134123, 1.973175290075396e-09),
    (8.0, 0.9999999999999993, 1.2441921148543568e-15),
  ])
  func cumulative(x: Double, lower: Double, twoSided: Double) {
    // The rounding of x / √2 alone changes a tail by x² roundings.
    let tolerance = 2e-16 * (4 + 2 * x * x)
    expectClose(NormalDistribution.cumulative(x), lower, relative: tolerance)
    expectClose(NormalDistribution.twoSidedTail(x), twoSided, relative: tolerance)
    #expect(NormalDistribution.twoSidedTail(-x) == NormalDistribution.twoSidedTail(x))
  }

  @Test(arguments: [
    (1e-300, -37.0470962993612),
    (1e-200, -30.20559417957964),
    (1e-100, -21.273453560965326),
    (1e-50, -14.933337534788489),
    (1e-20, -9.262340089798407),
    (1e-10, -6.361340902404057),
    (1e-05, -4.264890793922825),
    (0.001, -3.0902323061678136),
    (0.025, -1.9599639845400543),
    (0.1, -1.2815515655446004),
    (0.2, -0.8416212335729142),
    (0.25, -0.6744897501960817),
    (0.3, -0.5244005127080408),
    (0.4, -0.2533471031357997),
    (0.45, -0.12566134685507402),
    (0.499, -0.002506630899571766),
    (0.4999999, -2.5066282747031063e-07),
    (0.5000000001, 2.506628482030354e-10),
    (0.51, 0.025068908258711057),
    (0.6, 0.2533471031357997),
    (0.75, 0.6744897501960817),
    (0.9, 1.2815515655446006),
    (0.975, 1.9599639845400538),
    (0.9995, 3.290526731491926),
    (0.99999, 4.264890793923841),
    (0.9999999999999999, 8.209536151601387),
  ])
  func quantile(p: Double, x: Double) {
    expectClose(NormalDistribution.quantile(p), x, relative: 1e-15)
  }

  @Test func endsOfTheRange() {
    #expect(NormalDistribution.quantile(0) == -.infinity)
    #expect(NormalDistribution.quantile(1) == .infinity)
    #expect(NormalDistribution.quantile(0.5) == 0)
    for p in [-1e-300, 1.0.nextUp, .nan, .infinity] { #expect(NormalDistribution.quantile(p).isNaN) }
    #expect(NormalDistribution.cumulative(-.infinity) == 0)
    #expect(NormalDistribution.cumulative(.infinity) == 1)
    #expect(NormalDistribution.twoSidedTail(0) == 1)
    #expect(NormalDistribution.twoSidedTail(.infinity) == 0)
    // mpmath: −38.467405617144344 and −37.663060331949524; subnormal probabilities have few digits left.
    expectClose(NormalDistribution.quantile(.leastNonzeroMagnitude), -38.467405617144344, relative: 1e-3)
    expectClose(NormalDistribution.quantile(1e-300 / 1e10), -37.663060331949524, relative: 1e-12)
  }

  @Test func roundTrip() {
    for i in -370...370 {
      let x = Double(i) / 10
      let p = NormalDistribution.cumulative(x)
      // In the upper tail p has lost x's digits.
      if x < 2 { expectClose(NormalDistribution.quantile(p), x, relative: 4e-15) }
    }
    for exponent in 1...300 {
      let p = Double("1e-\(exponent)") ?? .nan
      expectClose(
        NormalDistribution.cumulative(NormalDistribution.quantile(p)), p, relative: 2e-15 * Double(exponent) + 1e-15)
    }
  }

  @Test func increasing() {
    var last = -Double.infinity
    for i in 1..<2000 {
      let x = NormalDistribution.quantile(Double(i) / 2000)
      #expect(x > last)
      #expect(x == -NormalDistribution.quantile(1 - Double(i) / 2000) || abs(x) < 4)
      last = x
    }
  }
}
