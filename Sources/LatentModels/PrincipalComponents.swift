/// The principal components of N data of dimension d, of the covariance with divisor N.
struct PrincipalComponents: Sendable {
  /// Of the columns, `[d]`.
  let mean: [Double]
  /// In descending order, `[d]`.
  let variances: [Double]
  /// Of unit length, one after the other, `[d × d]`; the entry of largest size is positive.
  let axes: [Double]

  /// Nil if GSL finds no eigenvalues.
  ///
  /// - Parameter rows: `[N × d]`
  init?(_ rows: [Double], dimension d: Int) {
    let count = rows.count / d
    var mean = [Double](repeating: 0, count: d), covariance = [Double](repeating: 0, count: d * d)
    for n in 0..<count { for i in 0..<d { mean[i] += rows[n * d + i] / Double(count) } }
    for n in 0..<count {
      for i in 0..<d {
        let deviation = rows[n * d + i] - mean[i]
        for j in 0..<d { covariance[i * d + j] += deviation * (rows[n * d + j] - mean[j]) / Double(count) }
      }
    }
    guard let found = EigenDecomposition(covariance, dimension: d) else { return nil }
    (self.mean, variances, axes) = (mean, found.values, found.vectors)
  }
}
