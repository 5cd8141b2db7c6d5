/// N(mean, precision⁻¹), with a precision that is dense: symmetric and positive definite, `[D × D]`, row by row.
public struct MultivariateNormal: Prior, Hashable {
  public let mean: [Double]
  public let precision: [Double]

  public init(mean: [Double], precision: [Double]) {
    precondition(precision.count == mean.count * mean.count, "MultivariateNormal: the precision must be [D × D]")
    self.mean = mean
    self.precision = precision
  }

  /// The same distribution where its coordinates are independent, that is where the precision is diagonal; else nil.
  public var diagonal: DiagonalNormal? {
    let d = mean.count
    for i in 0..<d {
      for j in 0..<d where i == j ? !(precision[i * d + j] > 0) : precision[i * d + j] != 0 { return nil }
    }
    return DiagonalNormal(mean: mean, scale: (0..<d).map { (1 / precision[$0 * d + $0]).squareRoot() })
  }

  /// L with L Lᵀ = precision⁻¹, lower triangular with a positive diagonal, `[D × D]`, row by row; nil where the precision is
  /// not positive definite beyond its rounding.
  ///
  /// With precision = R Rᵀ, R upper triangular (Cholesky's algorithm from the last row on), L = R⁻ᵀ.
  public var covarianceFactor: [Double]? {
    let d = mean.count
    var upper = [Double](repeating: 0, count: d * d)
    for j in (0..<d).reversed() {
      for i in (0...j).reversed() {
        var rest = precision[i * d + j]
        for k in j + 1..<d { rest -= upper[i * d + k] * upper[j * d + k] }
        if i == j {
          guard rest > Double(d) * 0x1p-52 * precision[i * d + i], rest.isFinite else { return nil }
          upper[i * d + i] = rest.squareRoot()
        } else {
          upper[i * d + j] = rest / upper[j * d + j]
        }
      }
    }
    // Row i of L: Rᵀ L = I, by forward substitution, column by column.
    var lower = [Double](repeating: 0, count: d * d)
    for column in 0..<d {
      for i in column..<d {
        var rest = i == column ? 1.0 : 0
        for k in column..<i { rest -= upper[k * d + i] * lower[k * d + column] }
        lower[i * d + column] = rest / upper[i * d + i]
      }
    }
    return lower
  }
}
