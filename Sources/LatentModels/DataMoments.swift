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

  /// F = Rᵀ/√N of the centred data, X = Q R, by modified Gram–Schmidt: R is as accurate as by Householder's reflections,
  /// whatever the rank (Björck 1967).
  init(_ data: Dataset) {
    let d = data.dimension, n = data.count, values = data.values
    count = n
    var mean = [Double](repeating: 0, count: d)
    for (place, value) in values.enumerated() { mean[place % d] += value / Double(n) }
    var columns = (0..<d).map { i in (0..<n).map { values[$0 * d + i] - mean[i] } }
    var factor = [Double](repeating: 0, count: d * d)
    let scale = 1 / Double(n).squareRoot()
    for j in 0..<d {
      let length = DataMoments.product(columns[j], columns[j]).squareRoot()
      guard length > 0 else { continue }
      let own = columns[j].map { $0 / length }
      factor[j * d + j] = length * scale
      for i in j + 1..<d {
        let part = DataMoments.product(own, columns[i])
        factor[i * d + j] = part * scale
        for row in 0..<n { columns[i][row] -= part * own[row] }
      }
    }
    (self.mean, self.factor) = (mean, factor)
  }

  /// Row i of F up to its diagonal.
  func row(_ i: Int) -> ArraySlice<Double> {
    let d = mean.count
    return factor[i * d..<i * d + i + 1]
  }

  /// (1/N) Σ_n (x_n − x̄)_i²
  func variance(_ i: Int) -> Double { row(i).reduce(0) { $0 + $1 * $1 } }

  private static func product(_ a: [Double], _ b: [Double]) -> Double {
    var sum = 0.0
    for i in a.indices { sum += a[i] * b[i] }
    return sum
  }
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
