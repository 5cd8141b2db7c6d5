internal import CKernels
internal import GradientEstimation

/// A log polynomial as a term of a model.
extension LogPolynomial {
  /// Stores its quantities as `term` in `evaluation`.
  func store(_ term: Term, _ needed: Quantities, at draws: borrowing Draws, into evaluation: inout Evaluation) {
    let (k, d, b) = (draws.shape.samples, draws.shape.dimension, draws.shape.lanes), z = draws.z
    if needed.values.contains(term) {
      evaluation.withValues(of: term) { values in
        values.update(repeating: 0)
        for draw in 0..<k {
          for i in 0..<d {
            for lane in 0..<b { values[draw * b + lane] += value(z[(draw * d + i) * b + lane], coordinate: i) }
          }
        }
      }
    }
    if needed.coordinateValues.contains(term) {
      evaluation.withCoordinateValues(of: term) { values in
        for row in 0..<k * d { for i in row * b..<(row + 1) * b { values[i] = value(z[i], coordinate: row % d) } }
      }
    }
    if needed.gradients.contains(Terms(term)) {
      evaluation.withGradient(of: Terms(term)) { gradient in
        for row in 0..<k * d {
          for i in row * b..<(row + 1) * b { gradient[i] = derivative(z[i], coordinate: row % d) }
        }
      }
    }
  }
}
