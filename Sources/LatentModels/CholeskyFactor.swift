internal import CKernels

/// A symmetric matrix of which only the diagonal and the `width` diagonals on either side of it are not zero: D (width + 1)
/// numbers. A dense one has width D − 1.
struct BandedMatrix: Hashable, Sendable {
  let dimension: Int
  let width: Int
  /// Element (i, i − k), k = 0…width, is at i (width + 1) + k; what would lie left of the matrix is of no meaning.
  private var band: [Double]

  /// Zeros.
  init(dimension: Int, width: Int) {
    self.dimension = dimension
    self.width = min(width, max(dimension - 1, 0))
    band = Array(repeating: 0, count: dimension * (self.width + 1))
  }

  /// A dense one, `[D × D]`, row by row; reads the lower triangle.
  init(_ matrix: [Double], dimension d: Int) {
    precondition(matrix.count == d * d, "BandedMatrix: the matrix must be [D × D]")
    self.init(dimension: d, width: d - 1)
    for i in 0..<d { for j in 0...i { self[i, j] = matrix[i * d + j] } }
  }

  /// Element (i, j), j ≤ i ≤ j + width.
  subscript(i: Int, j: Int) -> Double {
    get { band[i * (width + 1) + i - j] }
    set { band[i * (width + 1) + i - j] = newValue }
  }

  /// The columns of row i up to the diagonal that are not zero.
  func columns(_ i: Int) -> ClosedRange<Int> { max(0, i - width)...i }

  var diagonal: [Double] { (0..<dimension).map { self[$0, $0] } }

  /// `[D × D]`, row by row.
  var dense: [Double] {
    var matrix = [Double](repeating: 0, count: dimension * dimension)
    for i in 0..<dimension {
      for j in columns(i) {
        matrix[i * dimension + j] = self[i, j]
        matrix[j * dimension + i] = self[i, j]
      }
    }
    return matrix
  }

  /// The sum with a diagonal matrix.
  func adding(diagonal: [Double]) -> BandedMatrix {
    var sum = self
    for i in 0..<dimension { sum[i, i] += diagonal[i] }
    return sum
  }
}

/// L of A = L Lᵀ, for a symmetric positive definite A. L has A's band.
///
/// - Cost: O(D width²), once; O(D width) a solution.
struct CholeskyFactor: Sendable {
  private var lower: BandedMatrix

  /// Nil where A is not positive definite beyond its rounding: a pivot that rounding may have made is none.
  init?(_ matrix: BandedMatrix) {
    var lower = matrix
    for i in 0..<matrix.dimension {
      // Row j ≤ i of L begins no later than row i.
      let columns = matrix.columns(i)
      for j in columns {
        var rest = matrix[i, j]
        for k in columns.lowerBound..<j { rest -= lower[i, k] * lower[j, k] }
        if i != j {
          lower[i, j] = rest / lower[j, j]
        } else {
          guard rest > Double(columns.count) * 0x1p-52 * matrix[i, i], rest.isFinite else { return nil }
          lower[i, i] = rest.squareRoot()
        }
      }
    }
    self.lower = lower
  }

  /// log |A|
  var logDeterminant: Double { (0..<lower.dimension).reduce(0) { $0 + 2 * wb_log(lower[$1, $1]) } }

  /// Element (i, j) of L, j ≤ i, within the band.
  subscript(i: Int, j: Int) -> Double { lower[i, j] }

  /// y of L y = b, `[D]`: bᵀ A⁻¹ b is the sum of its squares.
  func solveLower(_ b: [Double]) -> [Double] {
    var y = b
    for i in 0..<lower.dimension {
      for k in lower.columns(i).dropLast() { y[i] -= lower[i, k] * y[k] }
      y[i] /= lower[i, i]
    }
    return y
  }

  /// x of A x = b, `[D]`.
  func solve(_ b: [Double]) -> [Double] {
    let d = lower.dimension
    var x = solveLower(b)
    for i in (0..<d).reversed() {
      for k in i + 1..<max(min(d, i + lower.width + 1), i + 1) { x[i] -= lower[k, i] * x[k] }
      x[i] /= lower[i, i]
    }
    return x
  }

  /// A⁻¹, `[D × D]`, row by row.
  var inverse: [Double] {
    let d = lower.dimension
    return (0..<d).flatMap { j in solve((0..<d).map { $0 == j ? 1 : 0 }) }
  }
}
