internal import GradientEstimation

/// t(z) = f(c) + gᵀ(z − c) + ½ (z − c)ᵀ H (z − c), the second-order Taylor polynomial of f about q's mean c.
///
/// Of a model that reads minibatches it is that of all data. −log q of a normal is its own polynomial.
struct QuadraticExpansion: Codable, Hashable, Sendable {
  private let center, gradient: [Double]
  private let value: Double
  /// `[D × D]`, row by row.
  private let hessian: [Double]

  /// Nil where the model's second derivatives or the family's moments are not known.
  init?(of terms: Terms, _ problem: Problem, parameters: [Double]) {
    guard let family = problem.family as? any IndependentNormalFamily,
      let model = problem.model as? any TwiceDifferentiableModel
    else { return nil }
    let d = model.dimension, own = terms.subtracting(.entropy)
    var block = DrawBlock(shape: problem.shape(samples: 1, lanes: 1), parameters: parameters)
    var center = [Double](repeating: 0, count: d), variance = center
    storeMoments(family, at: block.draws, &center, &variance)
    // The noise of a normal's mean is zero.
    block.draws.z = center
    block.evaluate(Quantities(values: terms, gradients: own), of: problem.withAllData)
    value = terms.members.reduce(0) { $0 + block.evaluation.values(of: $1)[0] }
    gradient = own.isEmpty ? Array(repeating: 0, count: d) : block.evaluation.gradient(of: own)
    var hessian = [Double](repeating: 0, count: d * d)
    for term in own.members { for (i, h) in model.hessian(of: term, at: center).enumerated() { hessian[i] += h } }
    if terms.contains(.entropy) { for i in 0..<d { hessian[i * d + i] += 1 / variance[i] } }
    self.center = center
    self.hessian = hessian
  }

  /// Stores ∇t, `[K × D × B]`, and t, `[K × B]`, at the points z.
  func evaluate(at z: [Double], _ shape: Shape, values: inout [Double], gradient rows: inout [Double]) {
    let (d, b) = (shape.dimension, shape.lanes)
    rows.withUnsafeMutableBufferPointer { rows in
      values.withUnsafeMutableBufferPointer { values in
        z.withUnsafeBufferPointer { z in
          for k in 0..<shape.samples {
            let draw = k * d * b
            for lane in 0..<b { values[k * b + lane] = value }
            for i in 0..<d {
              let row = draw + i * b
              for lane in 0..<b { rows[row + lane] = gradient[i] }
              for j in 0..<d where hessian[i * d + j] != 0 {
                let (h, c, other) = (hessian[i * d + j], center[j], draw + j * b)
                for lane in 0..<b { rows[row + lane] += h * (z[other + lane] - c) }
              }
              let (g, c) = (gradient[i], center[i])
              for lane in 0..<b { values[k * b + lane] += 0.5 * (z[row + lane] - c) * (g + rows[row + lane]) }
            }
          }
        }
      }
    }
  }

  /// The cotangents of −E t in means m and variances, `[D × B]` each: −(g + H (m − c)) and −½ diag H.
  func negateExpectedSlopes(
    means: [Double], slopes: inout [Double], curvatures: inout [Double], _ lanes: Int
  ) {
    let d = center.count
    for i in 0..<d {
      for lane in 0..<lanes {
        slopes[i * lanes + lane] = -gradient[i]
        curvatures[i * lanes + lane] = -0.5 * hessian[i * d + i]
      }
      for j in 0..<d where hessian[i * d + j] != 0 {
        for lane in 0..<lanes {
          slopes[i * lanes + lane] -= hessian[i * d + j] * (means[j * lanes + lane] - center[j])
        }
      }
    }
  }
}
