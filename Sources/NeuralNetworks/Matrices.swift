internal import COpenBLAS

/// Matrices in row-major order, `[rows × columns]`, rows `stride` apart.
struct Matrix {
  let start: UnsafePointer<Double>
  let stride: Int
  var isTransposed = false

  var transposed: Matrix { Matrix(start: start, stride: stride, isTransposed: !isTransposed) }
}

/// out += factor · a b, `[m × n]`, of a `[m × k]` and b `[k × n]`, by OpenBLAS on one thread.
func addProduct(
  _ a: Matrix, _ b: Matrix, factor: Double = 1, to out: UnsafeMutablePointer<Double>, stride: Int, _ m: Int, _ n: Int,
  _ k: Int
) {
  _ = LinearAlgebra.singleThreaded
  // Its matrices are column by column: outᵀ += bᵀ aᵀ.
  var (rows, columns, depth) = (Int32(n), Int32(m), Int32(k))
  var (first, second, ld) = (Int32(b.stride), Int32(a.stride), Int32(stride))
  var (alpha, beta) = (factor, 1.0)
  var (plain, transposed) = (CChar(78), CChar(84))  // "N" and "T"
  withUnsafePointer(to: &plain) { plain in
    withUnsafePointer(to: &transposed) { transposed in
      dgemm_(
        b.isTransposed ? transposed : plain, a.isTransposed ? transposed : plain, &rows, &columns, &depth, &alpha,
        b.start, &first, a.start, &second, &beta, out, &ld)
    }
  }
}

/// The library that multiplies matrices.
public enum LinearAlgebra {
  /// Set once: work is spread over tasks, and the digits of a product must not depend on their number.
  static let singleThreaded: Void = openblas_set_num_threads(1)

  /// Its version and the processor whose kernels it has chosen: the last digits of a product depend on both.
  public static var description: String {
    func text(_ start: UnsafeMutablePointer<CChar>?) -> String {
      start.map { String(cString: $0).split(separator: " ").prefix(2).joined(separator: " ") } ?? "unknown"
    }
    return "\(text(openblas_get_config())), \(text(openblas_get_corename()))"
  }
}
