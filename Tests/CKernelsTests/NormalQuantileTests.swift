import CGSL
import CKernelVariants
import CKernels
import Foundation
import Testing

/// Quantiles of the normal distribution, against GSL's and against the C library's erfc.
@Suite struct NormalQuantileTests {
  /// The middle and both tails, down to the ends of what the point sets can hold, and around the seams of the formula.
  static let levels: [Double] = {
    var random = SeededGenerator(state: 3)
    var all = random.numbers(100_000, in: 0...1).filter { $0 > 0 && $0 < 1 }
    for exponent in 1...53 {
      let low = scalbn(1, -exponent)
      all += [low, low.nextUp, low.nextDown, 1.5 * low, 1 - low]
    }
    for seam in [0.075, 0.925, exp(-25.0)] { all += [seam.nextDown, seam, seam.nextUp] }
    return all
  }()

  static func quantiles(_ levels: [Double]) -> [Double] {
    var values = levels
    wb_normal_quantiles(&values, values.count)
    return values
  }

  @Test func agreesWithGSL() {
    let values = Self.quantiles(Self.levels)
    // Near the median, where the quantile crosses zero, errors are relative to q = u − 1/2 all the same.
    let worst = zip(Self.levels, values).map { u, x in
      let truth = gsl_cdf_ugaussian_Pinv(u)
      return truth == 0 ? abs(x) : abs(x / truth - 1)
    }.max()
    #expect(worst ?? .infinity < 2e-15)
  }

  /// Φ(x) = u to the accuracy of erfc, amplified as x is: d log Φ / d log |x| ≤ 1 + x².
  @Test func invertsTheDistributionFunction() {
    for (u, x) in zip(Self.levels, Self.quantiles(Self.levels)) where u < 0.5 {
      #expect(abs(0.5 * erfc(-x / 2.0.squareRoot()) / u - 1) < 2e-15 * (1 + x * x))
    }
  }

  @Test func isOddAboutTheMedianToTheBit() {
    let low = Self.levels.map { min(0.5 * $0, 0.25).rounded(toPlaces: 52) }.filter { $0 > 0 }
    #expect(zip(Self.quantiles(low), Self.quantiles(low.map { 1 - $0 })).allSatisfy { $0 == -$1 && $0 < 0 })
    #expect(Self.quantiles([0.5]) == [0])
  }

  /// A number's quantile does not depend on its place, nor on its company.
  @Test(arguments: laneCounts) func placesDoNotMatter(_ count: Int) {
    let levels = Array(Self.levels.prefix(count))
    #expect(Self.quantiles(levels) == levels.map { Self.quantiles([$0])[0] })
  }

  @Test func everyInstructionSetGivesTheSameBits() {
    let expected = Self.quantiles(Self.levels).map(\.bitPattern)
    for variant in XoshiroTests.variants() {
      var values = Self.levels
      variant.normal_quantiles(&values, values.count)
      #expect(values.map(\.bitPattern) == expected, "\(String(cString: variant.instruction_set))")
    }
  }
}

extension Double {
  /// The nearest multiple of 2^−bits, whose difference from 1 is exact.
  fileprivate func rounded(toPlaces bits: Int) -> Double { scalbn(scalbn(self, bits).rounded(), -bits) }
}
