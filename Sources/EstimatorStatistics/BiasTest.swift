import Foundation

/// The test of a measured mean gradient against the exact one.
///
/// Coordinate p has z_p = (ḡ_p − g_p) / mcse_p. Below the rounding floor the difference is nothing and z is zero.
public struct BiasTest: Hashable, Sendable {
  /// z of each coordinate.
  public let z: [Double]
  /// The largest |z|.
  public let largest: Double
  /// P(largest |Z| of as many independent normals is at least that); conservative under dependence (Šidák 1967).
  public let p: Double
  /// The largest relative bias |E ĝ − g| / |g| that is not excluded at 95 %: (|ḡ − g| + 1.96 √(V/R)) / |g|.
  ///
  /// Among normal vectors of total variance V/R the norm's 95 % quantile is largest where all lies in one direction
  /// (Székely and Bakirov 2003), so this holds whatever the covariance.
  public let relativeBound: Double

  /// - Parameters:
  ///   - floor: for each coordinate, a mean difference below which rounding cannot be told from bias.
  ///   - weights: w of the norm √(Σ_p w_p x_p²) that the bound is in; nil for the Euclidean one.
  public init(
    mean: ArraySlice<Double>, exact: ArraySlice<Double>, variance: ArraySlice<Double>, count: Int,
    floor: ArraySlice<Double>, weights: ArraySlice<Double>? = nil
  ) {
    var scores: [Double] = []
    var difference = 0.0, norm = 0.0, total = 0.0
    for (i, ((m, g), (v, f))) in zip(zip(mean, exact), zip(variance, floor)).enumerated() {
      let d = abs(m - g) <= f ? 0 : m - g, w = weights.map { $0[$0.startIndex + i] } ?? 1
      difference += w * (d * d)
      norm += w * (g * g)
      total += w * v
      let error = (v / Double(count)).squareRoot()
      // Infinite where there is a difference and no error; nan where the variance is not known.
      scores.append(d == 0 ? 0 : d / error)
    }
    z = scores
    let worst = scores.map { abs($0) }.max() ?? 0
    largest = scores.contains { $0.isNaN } ? .nan : worst
    // 1 − (1 − q)^n without loss for small q.
    let q = NormalDistribution.twoSidedTail(largest)
    p = largest.isNaN ? .nan : q < 1 ? -expm1(Double(scores.count) * log1p(-q)) : 1
    let radius = 1.959963984540054 * (total / Double(count)).squareRoot()
    relativeBound = (difference.squareRoot() + radius) / norm.squareRoot()
  }
}
