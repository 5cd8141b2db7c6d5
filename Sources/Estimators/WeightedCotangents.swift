internal import GradientEstimation

/// The path derivatives of log weights, weighted draw by draw: Σ_k c_k (∂z_k/∂λ)ᵀ ∇_z ℓ_k.
public struct WeightedCotangents {
  /// c, `[K × B]`, to be set; empty where nothing is used.
  var weights: [Double]
  /// `[K × D × B]`
  private var cotangents: [Double]

  init(_ shape: Shape?) {
    weights = Array(repeating: 0, count: shape?.drawCount ?? 0)
    cotangents = Array(repeating: 0, count: shape?.elementCount ?? 0)
  }

  /// Takes the slopes φ_k of the objective for weights.
  mutating func takeSlopes(of block: borrowing DrawBlock) {
    for i in weights.indices { weights[i] = block.evaluation.slopes[i] }
  }

  /// Adds them to `gradients`, `[P × B]`.
  mutating func pull(
    _ problem: Problem, _ family: any ReparameterizableFamily, _ block: borrowing DrawBlock,
    into gradients: inout MutableSpan<Double>
  ) {
    let (d, b) = (block.shape.dimension, block.shape.lanes)
    var isFirst = true
    for part in problem.terms.parts.members {
      let gradient = block.evaluation.gradient(of: part)
      for i in cotangents.indices { cotangents[i] = isFirst ? gradient[i] : cotangents[i] + gradient[i] }
      isFirst = false
    }
    for k in 0..<block.shape.samples {
      for i in 0..<d {
        let row = (k * d + i) * b
        for lane in 0..<b { cotangents[row + lane] *= weights[k * b + lane] }
      }
    }
    family.addPullback(cotangents: cotangents.span, factor: 1, at: block.draws, into: &gradients)
  }
}
