internal import CKernels

/// L of A = L Lᵀ, for a symmetric positive definite A; `[D × D]`, row by row.
struct CholeskyFactor: Sendable {
  let dimension: Int
  private var lower: [Double]

  /// Nil where A is not positive definite beyond its rounding: a pivot that rounding may have made is none. Reads the
  /// lower triangle.
  init?(_ matrix: [Double], dimension d: Int) {
    precondition(matrix.count == d * d, "CholeskyFactor: the matrix must be [D × D]")
    var lower = matrix
    for i in 0..<d {
      for j in 0...i {
        var rest = matrix[i * d + j]
        for k in 0..<j { rest -= lower[i * d + k] * lower[j * d + k] }
        if i != j {
          lower[i * d + j] = rest / lower[j * d + j]
        } else {
          guard rest > Double(d) * 0x1p-52 * matrix[i * d + i], rest.isFinite else { return nil }
          lower[i * d + i] = rest.squareRoot()
        }
      }
    }
    self.lower = lower
    dimension = d
  }

  /// log |A|
  var logDeterminant: Double { (0..<dimension).reduce(0) { $0 + 2 * wb_log(lower[$1 * dimension + $1]) } }

  /// x of A x = b, `[D]`.
  func solve(_ b: [Double]) -> [Double] {
    let d = dimension
    var x = b
    for i in 0..<d {
      for k in 0..<i { x[i] -= lower[i * d + k] * x[k] }
      x[i] /= lower[i * d + i]
    }
    for i in (0..<d).reversed() {
      for k in i + 1..<d { x[i] -= lower[k * d + i] * x[k] }
      x[i] /= lower[i * d + i]
    }
    return x
  }
}
