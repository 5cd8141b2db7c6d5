internal import CGSL
internal import CKernels

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
    wb_silence_gsl()
    guard let matrix = gsl_matrix_alloc(d, d), let values = gsl_vector_alloc(d), let vectors = gsl_matrix_alloc(d, d),
      let workspace = gsl_eigen_symmv_alloc(d)
    else { return nil }
    defer {
      gsl_eigen_symmv_free(workspace)
      gsl_matrix_free(vectors)
      gsl_vector_free(values)
      gsl_matrix_free(matrix)
    }
    for i in 0..<d { for j in 0..<d { gsl_matrix_set(matrix, i, j, covariance[i * d + j]) } }
    guard gsl_eigen_symmv(matrix, values, vectors, workspace) == 0 else { return nil }
    gsl_eigen_symmv_sort(values, vectors, GSL_EIGEN_SORT_VAL_DESC)
    self.mean = mean
    variances = (0..<d).map { gsl_vector_get(values, $0) }
    axes = (0..<d).flatMap { column in
      let axis = (0..<d).map { gsl_matrix_get(vectors, $0, column) }
      let largest = axis.max { abs($0) < abs($1) } ?? 1
      return largest < 0 ? axis.map { -$0 } : axis
    }
  }
}
