/// The mean of a few independent values, with Student's interval: ȳ ± t_{n−1} s/√n.
public struct MeanInterval: Hashable, Sendable {
  public let count: Int
  public let mean: Double
  /// s, with divisor n − 1; nil for fewer than two values.
  public let deviation: Double?
  /// Nil for fewer than two values.
  public let low, high: Double?

  /// - Parameter values: n ≥ 1 values.
  public init(_ values: [Double], level: Double = 0.95) {
    precondition(!values.isEmpty, "MeanInterval: no values")
    let n = Double(values.count)
    count = values.count
    mean = values.reduce(0, +) / n
    guard values.count > 1 else {
      (deviation, low, high) = (nil, nil, nil)
      return
    }
    let center = mean
    let s = (values.reduce(0) { $0 + ($1 - center) * ($1 - center) } / (n - 1)).squareRoot()
    let half = StudentDistribution.quantile(0.5 + 0.5 * level, degrees: n - 1) * s / n.squareRoot()
    (deviation, low, high) = (s, center - half, center + half)
  }
}
