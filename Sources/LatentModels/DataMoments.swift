internal import GradientEstimation
internal import Synchronization

/// Mean and scatter of N data: all that models which are normal in x need of them,
///
///     x̄ = (1/N) Σ_n x_n,   F Fᵀ = (1/N) Σ_n (x_n − x̄)(x_n − x̄)ᵀ
///
/// The scatter is kept by a factor F, so that what is made of it are sums of squares, in which nothing cancels.
///
/// - Cost: O(N d²), once.
struct DataMoments: Sendable {
  /// N
  let count: Int
  /// x̄, `[d]`
  let mean: [Double]
  /// F, lower triangular, `[d × d]`, row by row.
  let factor: [Double]

  init(_ data: Dataset) {
    let d = data.dimension, n = data.count, values = data.values, scale = 1 / Double(n).squareRoot()
    var mean = [Double](repeating: 0, count: d)
    for (place, value) in values.enumerated() { mean[place % d] += value / Double(n) }
    factor = triangularFactor(ofColumns: (0..<d).map { i in (0..<n).map { (values[$0 * d + i] - mean[i]) * scale } })
    (count, self.mean) = (n, mean)
  }

  /// Row i of F up to its diagonal.
  func row(_ i: Int) -> ArraySlice<Double> {
    let d = mean.count
    return factor[i * d..<i * d + i + 1]
  }

  /// (1/N) Σ_n (x_n − x̄)_i²
  func variance(_ i: Int) -> Double { row(i).reduce(0) { $0 + $1 * $1 } }
}

/// The moments of each part of a model's data, made when they are first wanted: models of other θ share them.
final class KeptMoments: Sendable {
  private let made = Mutex<[DataPart: DataMoments]>([:])

  func of(_ part: DataPart, make: () -> DataMoments) -> DataMoments {
    made.withLock { made in
      if let known = made[part] { return known }
      let moments = make()
      made[part] = moments
      return moments
    }
  }
}
