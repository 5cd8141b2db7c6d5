internal import CKernels
internal import GradientEstimation

/// log N(z; mean, diag(scale²)) as a term of a model: shared by every prior and likelihood of that form.
extension DiagonalNormal {
  /// Adds the density's quantities for `term` to `evaluation`.
  func add(_ term: Term, _ needed: Quantities, at draws: borrowing Draws, into evaluation: inout Evaluation) {
    let (k, d, b) = (draws.shape.samples, draws.shape.dimension, draws.shape.lanes)
    draws.z.withUnsafeBufferPointer { z in
      mean.withUnsafeBufferPointer { center in
        precision.withUnsafeBufferPointer { precision in
          if needed.values.contains(term) {
            evaluation.withValues(of: term) {
              wb_normal_density_add(
                z.baseAddress, center.baseAddress, precision.baseAddress, 0, $0.baseAddress, k, d, b)
            }
          }
          if needed.coordinateValues.contains(term) {
            evaluation.withCoordinateValues(of: term) {
              wb_normal_density_add(
                z.baseAddress, center.baseAddress, precision.baseAddress, 1, $0.baseAddress, k, d, b)
            }
          }
          if needed.gradients.contains(term) {
            evaluation.withGradient(of: term) {
              wb_normal_density_add_gradient(
                z.baseAddress, center.baseAddress, precision.baseAddress, $0.baseAddress, k, d, b)
            }
          }
        }
      }
    }
  }

  /// log N(z_d; c, 1/τ) = −½ log(2π/τ) − ½ τ (z_d − c)², under z = m + s ε.
  func hermiteMoments(mean m: [Double], scale s: [Double]) -> HermiteMoments {
    let values = m.indices.map { d in
      let residual = m[d] - mean[d]
      return 0.5 * (wb_log(precision[d]) - 1.8378770664093454836)
        - 0.5 * precision[d] * (residual * residual + s[d] * s[d])
    }
    return HermiteMoments(
      value: values.reduce(0, +), coordinateValues: values,
      first: m.indices.map { (mean[$0] - m[$0]) * precision[$0] * s[$0] },
      second: m.indices.map { -precision[$0] * s[$0] * s[$0] }, fourth: m.map { _ in 0 })
  }
}
