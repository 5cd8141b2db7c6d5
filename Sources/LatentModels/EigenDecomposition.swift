internal import CGSL
internal import CKernels

/// Of a symmetric matrix, by GSL.
struct EigenDecomposition: Sendable {
  /// In descending order, `[d]`.
  let values: [Double]
  /// Of unit length, one after the other, `[d × d]`; the entry of largest size is positive.
  let vectors: [Double]

  /// Nil if GSL finds none.
  ///
  /// - Parameter elements: `[d × d]`
  init?(_ elements: [Double], dimension d: Int) {
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
    for i in 0..<d { for j in 0..<d { gsl_matrix_set(matrix, i, j, elements[i * d + j]) } }
    guard gsl_eigen_symmv(matrix, values, vectors, workspace) == 0 else { return nil }
    gsl_eigen_symmv_sort(values, vectors, GSL_EIGEN_SORT_VAL_DESC)
    self.values = (0..<d).map { gsl_vector_get(values, $0) }
    self.vectors = (0..<d).flatMap { column in
      let axis = (0..<d).map { gsl_matrix_get(vectors, $0, column) }
      let largest = axis.max { abs($0) < abs($1) } ?? 1
      return largest < 0 ? axis.map { -$0 } : axis
    }
  }
}
