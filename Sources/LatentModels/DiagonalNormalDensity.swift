internal import CKernels
internal import GradientEstimation

/// log N(z; mean, diag(scale²)) as a term of a model: shared by every prior and likelihood of that form.
extension DiagonalNormal {
  /// Stores the density's quantities as `term` in `evaluation`.
  func store(_ term: Term, _ needed: Quantities, at draws: borrowing Draws, into evaluation: inout Evaluation) {
    let (k, d, b) = (draws.shape.samples, draws.shape.dimension, draws.shape.lanes)
    let (values, coordinates) = (needed.values.contains(term), needed.coordinateValues.contains(term))
    let gradients = needed.gradients.contains(term)
    guard values || coordinates || gradients else { return }
    draws.z.withUnsafeBufferPointer { z in
      if values {
        evaluation.withValues(of: term) {
          wb_normal_density_values(z.baseAddress, mean, precision, logNormalizer, $0.baseAddress, k, d, b)
        }
      }
      if coordinates {
        evaluation.withCoordinateValues(of: term) {
          wb_normal_density_coordinates(z.baseAddress, mean, precision, logNormalizer, $0.baseAddress, k, d, b)
        }
      }
      if gradients {
        evaluation.withGradient(of: term) {
          wb_normal_density_gradient(z.baseAddress, mean, precision, $0.baseAddress, k, d, b)
        }
      }
    }
  }

  /// log N(z_d; c, 1/τ) = −½ log(2π/τ) − ½ τ (z_d − c)², under z = m + s ε.
  func hermiteMoments(mean m: [Double], scale s: [Double]) -> HermiteMoments {
    let values = m.indices.map { d in
      let residual = m[d] - mean[d]
      return logNormalizer[d]
        - 0.5 * precision[d] * (residual * residual + s[d] * s[d])
    }
    return HermiteMoments(
      value: values.reduce(0, +), coordinateValues: values,
      first: m.indices.map { (mean[$0] - m[$0]) * precision[$0] * s[$0] },
      second: m.indices.map { -precision[$0] * s[$0] * s[$0] }, fourth: m.map { _ in 0 })
  }
}
