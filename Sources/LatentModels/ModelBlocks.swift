internal import GradientEstimation

extension Evaluation {
  /// Lets `body` store one term draw by draw: it gets z of a draw, `[D × B]`, and room for the term's values, `[B]`, and
  /// gradient, `[D × B]`, each nil where it is not needed.
  mutating func store(
    _ term: Term, _ needed: Quantities, at draws: borrowing Draws,
    _ body: (
      _ z: UnsafePointer<Double>, _ values: UnsafeMutablePointer<Double>?, _ gradient: UnsafeMutablePointer<Double>?
    ) -> Void
  ) {
    let values = needed.values.contains(term), gradient = needed.gradients.contains(Terms(term))
    guard values || gradient else { return }
    let (d, b) = (draws.shape.dimension, draws.shape.lanes), samples = draws.shape.samples
    draws.z.withUnsafeBufferPointer { z in
      withValuesAndGradient(of: term) { valueRows, gradientRows in
        guard let z = z.baseAddress else { return }
        for k in 0..<samples {
          body(
            z + k * d * b, values ? valueRows.baseAddress.map { $0 + k * b } : nil,
            gradient ? gradientRows.baseAddress.map { $0 + k * d * b } : nil)
        }
      }
    }
  }
}

extension Evaluation {
  /// Lets `body` store the diagonal Hessian of one term draw by draw, `[D × B]`, if it is needed.
  mutating func storeDiagonalHessian(
    of term: Term, _ needed: Quantities, at draws: borrowing Draws,
    _ body: (_ z: UnsafePointer<Double>, _ diagonal: UnsafeMutablePointer<Double>) -> Void
  ) {
    guard needed.diagonalHessians.contains(term) else { return }
    let size = draws.shape.dimension * draws.shape.lanes, samples = draws.shape.samples
    draws.z.withUnsafeBufferPointer { z in
      withDiagonalHessian(of: term) { rows in
        guard let z = z.baseAddress, let rows = rows.baseAddress else { return }
        for k in 0..<samples { body(z + k * size, rows + k * size) }
      }
    }
  }
}

/// A symmetric matrix `[D × D]`, row by row, from elements on one side of the diagonal and on it.
struct SymmetricMatrix {
  private let dimension: Int
  private(set) var elements: [Double]

  init(dimension: Int) {
    self.dimension = dimension
    elements = Array(repeating: 0, count: dimension * dimension)
  }

  /// Adds to element (i, j) and to its mirror image.
  mutating func add(_ value: Double, _ i: Int, _ j: Int) {
    elements[i * dimension + j] += value
    if i != j { elements[j * dimension + i] += value }
  }
}

extension HermiteMoments {
  /// Those of the function that is zero.
  static func zero(dimension: Int) -> HermiteMoments {
    let zeros = [Double](repeating: 0, count: dimension)
    return HermiteMoments(value: 0, first: zeros, second: zeros, fourth: zeros)
  }
}

/// log 2π
let logTwoPi = 1.8378770664093454836
