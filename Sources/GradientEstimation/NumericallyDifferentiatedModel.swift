/// A model that gives values alone, and has the estimators that need ∇_z served by central differences
///
///     ∂f/∂z_d ≈ (f(z + h_d e_d) − f(z − h_d e_d)) / 2h_d,   h_d = differenceStep · max(1, |z_d|)
///
/// Its `evaluate` is never asked for gradients: it gets 2D blocks of shifted draws instead, and is asked for values. With
/// minibatches the shifted draws read the same data. The gradient has a relative error of about h² f‴/6f′ from the
/// difference and ε f/(h f′) from rounding ε; with the default step both are near 10⁻¹⁰.
///
/// A cost counts a gradient as the 2D evaluations that it takes.
public protocol NumericallyDifferentiatedModel: DifferentiableModel {
  /// h, relative to max(1, |z_d|). By default 2⁻¹⁷, near the cube root of a rounding.
  var differenceStep: Double { get }
}

extension NumericallyDifferentiatedModel {
  public var differenceStep: Double { 0x1p-17 }
}

extension Problem {
  /// Whether ∇_z of the model is made of differences of its values.
  public var gradientIsNumerical: Bool { model is any NumericallyDifferentiatedModel }
}

extension Requirements {
  /// These, with gradients that are made of values counted as the 2D evaluations that each takes.
  public func counted(for problem: Problem) -> Requirements {
    guard problem.gradientIsNumerical else { return self }
    var counted = self
    counted.evaluations += 2 * Double(problem.model.dimension) * gradientEvaluations
    counted.gradientEvaluations = 0
    return counted
  }
}

extension Evaluation {
  /// Stores the gradient of each of `terms` by central differences of the values of `model`.
  mutating func storeDifferences(
    of terms: Terms, _ model: any NumericallyDifferentiatedModel, at draws: borrowing Draws
  ) {
    let (samples, d, b) = (shape.samples, shape.dimension, shape.lanes), wanted = Quantities(values: terms)
    let z = draws.z
    var shifted = Draws(shape: shape, parameters: draws.parameters)
    shifted.noise = draws.noise
    shifted.dataIndices = draws.dataIndices
    shifted.observations = draws.observations
    shifted.z = z
    var up = Evaluation(shape: shape), down = Evaluation(shape: shape)
    up.reserve(wanted)
    down.reserve(wanted)
    for i in 0..<d {
      let rows = (0..<samples).map { ($0 * d + i) * b }
      Self.shift(&shifted.z, from: z, rows, lanes: b, by: model.differenceStep)
      let above = shifted.z
      model.evaluate(wanted, at: shifted, into: &up)
      Self.shift(&shifted.z, from: z, rows, lanes: b, by: -model.differenceStep)
      model.evaluate(wanted, at: shifted, into: &down)
      for term in terms.members {
        let (upper, lower) = (up.values(of: term), down.values(of: term)), below = shifted.z
        withGradient(of: Terms(term)) { gradient in
          for (draw, row) in rows.enumerated() {
            for lane in 0..<b {
              // What lies between z + h and z − h as they are in floating point.
              let width = above[row + lane] - below[row + lane]
              gradient[row + lane] = (upper[draw * b + lane] - lower[draw * b + lane]) / width
            }
          }
        }
      }
      Self.shift(&shifted.z, from: z, rows, lanes: b, by: 0)
    }
  }

  /// Moves the lanes of each row from where they are in `z`, by `step` relative to max(1, |z|).
  private static func shift(_ shifted: inout [Double], from z: [Double], _ rows: [Int], lanes: Int, by step: Double) {
    for row in rows {
      for place in row..<row + lanes { shifted[place] = z[place] + step * max(1, abs(z[place])) }
    }
  }
}
