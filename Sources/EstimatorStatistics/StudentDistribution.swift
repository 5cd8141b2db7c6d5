import Foundation

/// Student's t distribution.
public enum StudentDistribution {
  /// The t with P(T ≤ t) = p, for `degrees` > 0, not necessarily whole; ∓∞ at 0 and 1.
  public static func quantile(_ p: Double, degrees: Double) -> Double {
    guard p > 0, p < 1, degrees > 0 else { return p == 0 ? -.infinity : p == 1 ? .infinity : .nan }
    guard degrees < 1e6 else { return NormalDistribution.quantile(p) }
    if p < 0.5 { return -quantile(1 - p, degrees: degrees) }
    let x = NormalDistribution.quantile(p)
    // Beyond this the terms left out are below 1e-12 of t.
    return degrees >= max(200, 40 * x * x) ? expansion(x, degrees) : root(p, degrees, from: expansion(x, degrees))
  }

  /// t in powers of 1/ν about the normal quantile x (Abramowitz and Stegun 1964, 26.7.5).
  private static func expansion(_ x: Double, _ degrees: Double) -> Double {
    let y = x * x, n = degrees
    let g1 = (y + 1) / 4
    let g2 = ((5 * y + 16) * y + 3) / 96
    let g3 = (((3 * y + 19) * y + 17) * y - 15) / 384
    let g4 = ((((79 * y + 776) * y + 1482) * y - 1920) * y - 945) / 92160
    return x * (1 + (g1 + (g2 + (g3 + g4 / n) / n) / n) / n)
  }

  /// The root of P(T ≤ t) = p, p ≥ ½, by Newton's steps within a bracket, halved where a step would leave it.
  private static func root(_ p: Double, _ degrees: Double, from start: Double) -> Double {
    var low = 0.0, high = max(start, 1)
    while cumulative(high, degrees: degrees) < p, high < 1e300 { high *= 2 }
    let peak = exp(lgamma(0.5 * (degrees + 1)) - lgamma(0.5 * degrees)) / (degrees * Double.pi).squareRoot()
    var t = min(max(start, low), high)
    for _ in 0..<200 {
      let error = cumulative(t, degrees: degrees) - p
      if error < 0 { low = t } else { high = t }
      let density = peak * exp(-0.5 * (degrees + 1) * log1p(t * t / degrees))
      let step = t - error / density
      let next = step > low && step < high ? step : 0.5 * (low + high)
      if abs(next - t) <= 1e-15 * t { return next }
      t = next
    }
    return t
  }

  /// P(T ≤ t) = 1 − ½ I_{ν/(ν+t²)}(ν/2, ½) for t ≥ 0 (Abramowitz and Stegun 1964, 26.5.27).
  public static func cumulative(_ t: Double, degrees: Double) -> Double {
    let tail = 0.5 * regularizedBeta(degrees / (degrees + t * t), 0.5 * degrees, 0.5)
    return t >= 0 ? 1 - tail : tail
  }

  /// I_x(a, b) by the continued fraction of Abramowitz and Stegun (1964), 26.5.8, evaluated with Lentz's method.
  static func regularizedBeta(_ x: Double, _ a: Double, _ b: Double) -> Double {
    guard x > 0 else { return 0 }
    guard x < 1 else { return 1 }
    if x > (a + 1) / (a + b + 2) { return 1 - regularizedBeta(1 - x, b, a) }
    var exponent: Double = lgamma(a + b) - lgamma(a) - lgamma(b)
    exponent += a * log(x)
    exponent += b * log1p(-x)
    let front = exp(exponent) / a
    let tiny = 1e-300
    var c = 1.0
    var d = 1 - (a + b) * x / (a + 1)
    d = 1 / (abs(d) < tiny ? tiny : d)
    var fraction = d
    for m in 1...500 {
      let m = Double(m)
      for numerator in [
        m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
        -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
      ] {
        d = 1 + numerator * d
        d = 1 / (abs(d) < tiny ? tiny : d)
        c = 1 + numerator / c
        if abs(c) < tiny { c = tiny }
        fraction *= c * d
      }
      if abs(c * d - 1) < 1e-16 { break }
    }
    return front * fraction
  }
}
