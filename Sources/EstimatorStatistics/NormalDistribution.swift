import Foundation

/// The standard normal distribution.
public enum NormalDistribution {
  /// P(Z ≤ x).
  public static func cumulative(_ x: Double) -> Double { 0.5 * erfc(-x * 0.5.squareRoot()) }

  /// P(|Z| ≥ |x|).
  public static func twoSidedTail(_ x: Double) -> Double { erfc(abs(x) * 0.5.squareRoot()) }

  /// The x with P(Z ≤ x) = p, to rounding; ∓∞ at 0 and 1, nan outside [0, 1].
  ///
  /// A rational start, then Halley's steps on erfc, which loses nothing in either tail, or on erf in the middle, where
  /// erfc would lose the digits of a small x.
  public static func quantile(_ p: Double) -> Double {
    guard p >= 0, p <= 1 else { return .nan }
    if p == 0 { return -.infinity }
    if p == 1 { return .infinity }
    if p == 0.5 { return 0 }
    // Work in the lower tail, where p keeps its digits.
    let tail = min(p, 1 - p)
    let t = (-2 * log(tail)).squareRoot()
    // Abramowitz and Stegun (1964), 26.2.23.
    var x =
      t - (2.515517 + t * (0.802853 + t * 0.010328)) / (1 + t * (1.432788 + t * (0.189269 + t * 0.001308)))
    x = -x
    for _ in 0..<4 {
      let error = tail > 0.25 ? 0.5 * erf(x * 0.5.squareRoot()) - (tail - 0.5) : cumulative(x) - tail
      // e^(x²/2) in two factors: it overflows where p is subnormal.
      let root = exp(0.25 * x * x)
      let step = error * root * root * (2 * Double.pi).squareRoot()
      x -= step / (1 + 0.5 * x * step)
    }
    return p < 0.5 ? x : -x
  }
}
