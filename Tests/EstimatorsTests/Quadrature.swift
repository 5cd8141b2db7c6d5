import Foundation

/// Expectations under the densities that estimators draw from, independent of how they draw.
enum Quadrature {
  /// ∫_a^b h by Simpson's rule on `count` pairs of intervals.
  static func integral(_ a: Double, _ b: Double, _ count: Int, _ h: (Double) -> Double) -> Double {
    let step = (b - a) / Double(2 * count)
    return (0...2 * count).reduce(0.0) { sum, i in
      sum + h(a + Double(i) * step) * (i == 0 || i == 2 * count ? 1 : i % 2 == 1 ? 4 : 2)
    } * step / 3
  }

  /// E h(W), W of density w e^{−w²/2}, w > 0.
  static func rayleigh(_ h: (Double) -> Double) -> Double {
    integral(0, 12, 600) { $0 * exp(-0.5 * $0 * $0) * h($0) }
  }

  /// E h(M), M of density m² e^{−m²/2}/√(2π).
  static func maxwell(_ h: (Double) -> Double) -> Double {
    integral(-12, 12, 600) { $0 * $0 * exp(-0.5 * $0 * $0) * h($0) } / (2 * .pi).squareRoot()
  }

  /// E h(M, U M), U uniform.
  static func maxwellAndPart(_ h: (Double, Double) -> Double) -> Double {
    maxwell { m in integral(0, 1, 40) { h(m, $0 * m) } }
  }

  /// Mean, variance and E Y²/(E Y)² of Y = (g − E g)², from an expectation operator.
  static func moments(
    _ expectation: ((Double) -> Double) -> Double
  ) -> (mean: Double, variance: Double, kurtosis: Double) {
    let mean = expectation { $0 }
    let variance = expectation { ($0 - mean) * ($0 - mean) }
    return (mean, variance, variance < 1e-20 ? 1 : expectation { pow($0 - mean, 4) } / (variance * variance))
  }

  typealias Function = (Double) -> Double

  /// Moments of one measure-valued estimate, K = 1, in m (`isMean`) or log s, of f under N(m, s²).
  static func measureValued(
    _ f: Function, m: Double, s: Double, isMean: Bool, coupled: Bool
  ) -> (mean: Double, variance: Double, kurtosis: Double) {
    if isMean {
      let c = 1 / (s * (2 * Double.pi).squareRoot())
      if coupled { return moments { h in rayleigh { w in h(c * (f(m + s * w) - f(m - s * w))) } } }
      return difference(
        { h in rayleigh { w in h(c * f(m + s * w)) } }, { h in rayleigh { w in h(c * f(m - s * w)) } })
    }
    if coupled { return moments { h in maxwellAndPart { m1, m2 in h(f(m + s * m1) - f(m + s * m2)) } } }
    return difference(
      { h in maxwell { e in h(f(m + s * e)) } }, { h in CostFunctionTests.expectation { e in h(f(m + s * e)) } })
  }

  /// Moments of A − B for independent A and B.
  static func difference(
    _ a: ((Double) -> Double) -> Double, _ b: ((Double) -> Double) -> Double
  ) -> (mean: Double, variance: Double, kurtosis: Double) {
    let (left, right) = (moments(a), moments(b)), variance = left.variance + right.variance
    let fourth =
      left.kurtosis * left.variance * left.variance + right.kurtosis * right.variance * right.variance
      + 6 * left.variance * right.variance
    return (left.mean - right.mean, variance, variance < 1e-20 ? 1 : fourth / (variance * variance))
  }
}
