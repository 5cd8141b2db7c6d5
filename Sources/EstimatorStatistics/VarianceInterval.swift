import Foundation

/// A confidence interval on a variance V = E Y, Y = |g − E g|², that does not assume normal gradients.
///
/// On the log scale, with s = √R, c² = Var(Y)/V² + 2/(R − 1) and the skewness γ and kurtosis κ of Y:
///
///     V̂ exp(−(c/s) ψ(±t)),   ψ(x) = (s/A) (∛(1 + (3A/s)(x − γ/(6s))) − 1),   A = γ/3
///
/// ψ is the inverse of Hall's monotone cubic (Hall 1992, J. R. Stat. Soc. B 54, section 3), and t the quantile of
/// Student's distribution with ν = 2R/(κ − 1) degrees of freedom, those of the estimated variance of Y. It was chosen by
/// measured coverage: see Guides/Statistics.md and results/interval-coverage.
///
/// The figures need no second pass and no stored replicates: only sums.
public struct VarianceInterval: Hashable, Sendable {
  public let low: Double
  public let high: Double

  /// - Parameters:
  ///   - sums: of Y over `count` replicates, with its scale.
  ///   - estimate: V̂.
  public init(_ sums: PowerSums, count: Int, estimate: Double, level: Double = 0.95) {
    guard estimate > 0, estimate.isFinite, count > 1 else {
      low = estimate
      high = estimate
      return
    }
    let moments = CentralMoments(sums, count: count)
    let mean = 1 + moments.mean
    guard mean > 1e-6 else {
      // Only batches of one: their means have a variance, but no Y was seen. Or a scale so far above E Y that no digits are left.
      low = 0
      high = .infinity
      return
    }
    let spread = (moments.variance / (mean * mean) + 2 / Double(count - 1)).squareRoot()
    (low, high) = moments.logInterval(about: estimate, spread: spread, count: count, level: level)
  }
}

/// When an interval on a variance cannot be trusted.
public enum HeavyTail {
  /// Whether R = `count` is below 100 times the median kurtosis E[Y²]/E[Y]² of sixteen interleaved groups of replicates
  /// (at least 3, so that R < 300 always is).
  ///
  /// The groups' median hardly depends on V̂ itself. Rules that do (the skewness, the largest Y's share, the relative
  /// standard error) leave unmarked just the samples whose variance came out too small.
  public static func isHeavy(_ groups: GroupSums, count: Int) -> Bool {
    let kurtosis = groups.medianKurtosis
    return count < 300 || !(100 * kurtosis <= Double(count))
  }
}

/// A confidence interval on the ratio V_a / V_b of two variances measured on the same replicates.
///
/// The log of the ratio moves with U = Y_a/V_a − Y_b/V_b; the interval is `VarianceInterval`'s with U in place of Y.
public struct VarianceRatioInterval: Hashable, Sendable {
  public let low: Double
  public let high: Double

  /// - Parameters:
  ///   - sums: of the pair over `count` replicates.
  ///   - meanA: E Y_a / scale, and `meanB` likewise: 1 + p1/R of their power sums.
  ///   - estimate: V̂_a / V̂_b.
  public init(
    _ sums: CrossSums, meanA: Double, meanB: Double, count: Int, estimate: Double, level: Double = 0.95
  ) {
    // A scale that is far off E Y leaves no digits in what the two differ by.
    guard !(estimate > 0 && estimate.isFinite) || 1e-6 * max(meanA, meanB) <= min(meanA, meanB) else {
      low = 0
      high = .infinity
      return
    }
    let moments = CentralMoments(sums, meanA: meanA, meanB: meanB, count: count)
    guard estimate > 0, estimate.isFinite, moments.variance > 1e-14 else {
      low = estimate
      high = estimate
      return
    }
    (low, high) = moments.logInterval(
      about: estimate, spread: moments.variance.squareRoot(), count: count, level: level)
  }
}

/// Mean, variance, skewness and kurtosis from sums of powers.
struct CentralMoments {
  let mean: Double
  let variance: Double
  let skewness: Double
  let kurtosis: Double

  /// From the means of x, x², x³, x⁴.
  init(raw e1: Double, _ e2: Double, _ e3: Double, _ e4: Double) {
    mean = e1
    variance = max(0, e2 - e1 * e1)
    let third = e3 - 3 * e1 * e2 + 2 * e1 * e1 * e1
    let fourth = e4 - 4 * e1 * e3 + 6 * e1 * e1 * e2 - 3 * e1 * e1 * e1 * e1
    let isConstant = !(variance > 1e-14)
    skewness = isConstant ? 0 : third / (variance * variance.squareRoot())
    kurtosis = isConstant ? 1 : max(1, fourth / (variance * variance))
  }

  init(_ sums: PowerSums, count: Int) {
    let n = Double(count)
    self.init(raw: sums.p1 / n, sums.p2 / n, sums.p3 / n, sums.p4 / n)
  }

  /// Of W = Y_a/V_a − Y_b/V_b, up to a constant: hD + qS with h = (1/m_a + 1/m_b)/2 and q = 1/m_a − 1/m_b.
  init(_ cross: CrossSums, meanA: Double, meanB: Double, count: Int) {
    let n = Double(count), h = 0.5 * (1 / meanA + 1 / meanB), q = 1 / meanA - 1 / meanB
    let m = cross.sums.map { $0 / n }
    let second = h * h * m[2] + 2 * h * q * m[3] + q * q * m[4]
    let third = h * h * h * m[5] + 3 * h * h * q * m[6] + 3 * h * q * q * m[7] + q * q * q * m[8]
    let h2 = h * h, q2 = q * q
    let fourth =
      h2 * h2 * m[9] + 4 * h2 * h * q * m[10] + 6 * h2 * q2 * m[11] + 4 * h * q2 * q * m[12] + q2 * q2 * m[13]
    self.init(raw: h * m[0] + q * m[1], second, third, fourth)
  }

  /// estimate · exp(−(spread/√R) ψ(±t)).
  func logInterval(about estimate: Double, spread: Double, count: Int, level: Double) -> (Double, Double) {
    let n = Double(count), s = n.squareRoot()
    let degrees = min(max(2 * n / (kurtosis - 1), 2), 1e6)
    let t = StudentDistribution.quantile(0.5 + 0.5 * level, degrees: degrees)
    let a = abs(skewness) < 3e-6 ? 1e-6 : skewness / 3
    func inverse(_ x: Double) -> Double { s / a * (cbrt(1 + 3 * a / s * (x - skewness / (6 * s))) - 1) }
    return (estimate * exp(-spread / s * inverse(t)), estimate * exp(-spread / s * inverse(-t)))
  }
}
