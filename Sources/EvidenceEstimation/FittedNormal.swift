internal import CKernels

/// N(m, S) with the moments of draws.
struct FittedNormal {
  let mean: [Double]
  /// L with L Lᵀ = S, lower triangular, `[D × D]` row by row.
  let factor: [Double]
  /// −½ D log 2π − Σ log L_dd
  let logConstant: Double

  /// Sums of draws less a shift, the mean of those that came first, and of their products.
  struct Sums {
    private let dimension: Int
    private var shift: [Double] = []
    private var first: [Double]
    private var second: [Double]
    private(set) var count = 0

    init(dimension: Int) {
      self.dimension = dimension
      first = Array(repeating: 0, count: dimension)
      second = Array(repeating: 0, count: dimension * dimension)
    }

    /// Adds the first `count` lanes of z, `[D × lanes]`.
    mutating func add(_ z: [Double], lanes: Int, count: Int) {
      if shift.isEmpty {
        shift = (0..<dimension).map { d in z[d * lanes..<d * lanes + count].reduce(0, +) / Double(count) }
      }
      self.count += count
      for i in 0..<dimension {
        for lane in 0..<count { first[i] += z[i * lanes + lane] - shift[i] }
        for j in 0...i {
          var sum = 0.0
          for lane in 0..<count { sum += (z[i * lanes + lane] - shift[i]) * (z[j * lanes + lane] - shift[j]) }
          second[i * dimension + j] += sum
        }
      }
    }

    /// Mean, and covariance with divisor n − 1 in its lower triangle.
    var moments: (mean: [Double], covariance: [Double]) {
      let n = Double(count)
      var covariance = second
      for i in 0..<dimension {
        for j in 0...i {
          covariance[i * dimension + j] = (second[i * dimension + j] - first[i] * first[j] / n) / (n - 1)
        }
      }
      return (zip(shift, first).map { $0 + $1 / n }, covariance)
    }
  }

  /// The normal of those moments; nil where the covariance is not positive definite beyond its rounding.
  ///
  /// - Parameters:
  ///   - diagonal: leave the covariances out.
  ///   - inflation: what variances and covariances are multiplied by.
  init?(_ sums: Sums, diagonal: Bool, inflation: Double) {
    let (mean, covariance) = sums.moments, d = mean.count
    var factor = [Double](repeating: 0, count: d * d), constant = -0.9189385332046727 * Double(d)
    for i in 0..<d {
      for j in 0...i where i == j || !diagonal {
        var rest = inflation * covariance[i * d + j]
        for k in 0..<j { rest -= factor[i * d + k] * factor[j * d + k] }
        if i == j {
          guard rest > Double(d) * 0x1p-52 * inflation * covariance[i * d + i], rest.isFinite else { return nil }
          factor[i * d + i] = rest.squareRoot()
          constant -= 0.5 * wb_log(rest)
        } else {
          factor[i * d + j] = rest / factor[j * d + j]
        }
      }
    }
    (self.mean, self.factor, logConstant) = (mean, factor, constant)
  }

  /// log N(z; m, S) of a lane of z, `[D × lanes]`: |L⁻¹ (z − m)|² by forward substitution.
  func logDensity(_ z: [Double], lane: Int, lanes: Int, scratch y: inout [Double]) -> Double {
    let d = mean.count
    var square = 0.0
    for i in 0..<d {
      var rest = z[i * lanes + lane] - mean[i]
      for k in 0..<i { rest -= factor[i * d + k] * y[k] }
      y[i] = rest / factor[i * d + i]
      square += y[i] * y[i]
    }
    return logConstant - 0.5 * square
  }
}
