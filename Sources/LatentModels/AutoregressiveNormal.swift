internal import CKernels
internal import GradientEstimation

/// A first-order autoregression of r = z − mean,
///
///     r_1 ~ N(0, 1/p_1),   r_d | r_{d−1} ~ N(coefficient r_{d−1}, 1/p)
///
/// Its precision is tridiagonal, so that everything here is O(D).
struct AutoregressiveNormal: Hashable, Sendable {
  let mean: [Double]
  /// p_1
  let firstPrecision: Double
  /// p, of the innovations.
  let innovationPrecision: Double
  let coefficient: Double

  init(mean: [Double], firstPrecision: Double, innovationPrecision: Double, coefficient: Double) {
    self.mean = mean
    self.firstPrecision = firstPrecision
    self.innovationPrecision = innovationPrecision
    self.coefficient = coefficient
  }

  /// The stationary one, of covariance C_ij = ρ^{|i−j|} / τ, |ρ| < 1.
  init(mean: [Double], precision: Double, correlation: Double) {
    self.init(
      mean: mean, firstPrecision: precision, innovationPrecision: precision / (1 - correlation * correlation),
      coefficient: correlation)
  }

  /// −∇² of the log density.
  var precision: BandedMatrix {
    let d = mean.count
    var matrix = BandedMatrix(dimension: d, width: 1)
    for i in 0..<d {
      matrix[i, i] = i == 0 ? firstPrecision : innovationPrecision
      if i < d - 1 { matrix[i, i] += coefficient * coefficient * innovationPrecision }
      if i > 0 { matrix[i, i - 1] = -coefficient * innovationPrecision }
    }
    return matrix
  }

  /// Stores values, gradients and second derivatives of the density as `term` in `evaluation`. It does not factorise.
  func store(_ term: Term, _ needed: Quantities, at draws: borrowing Draws, into evaluation: inout Evaluation) {
    let (k, d, b) = (draws.shape.samples, draws.shape.dimension, draws.shape.lanes)
    draws.z.withUnsafeBufferPointer { z in
      if needed.values.contains(term) {
        evaluation.withValues(of: term) {
          wb_autoregressive_density_values(
            z.baseAddress, mean, firstPrecision, innovationPrecision, coefficient, $0.baseAddress, k, d, b)
        }
      }
      if needed.gradients.contains(Terms(term)) {
        evaluation.withGradient(of: Terms(term)) {
          wb_autoregressive_density_gradient(
            z.baseAddress, mean, firstPrecision, innovationPrecision, coefficient, $0.baseAddress, k, d, b)
        }
      }
    }
    if needed.diagonalHessians.contains(term) {
      evaluation.withDiagonalHessian(of: term) { fillRows($0, precision.diagonal.lazy.map { -$0 }, lanes: b) }
    }
  }

  /// −C⁻¹, `[D × D]`.
  var hessian: [Double] { precision.dense.map { -$0 } }

  /// Under z = m + s ε: the density's gradient at m, scaled, and −½ Σ_d P_dd s_d² on top of its value there.
  func hermiteMoments(mean m: [Double], scale s: [Double]) -> HermiteMoments {
    let d = mean.count, diagonal = precision.diagonal
    var value = [0.0], gradient = m.map { _ in 0.0 }
    wb_autoregressive_density_values(
      m, mean, firstPrecision, innovationPrecision, coefficient, &value, 1, d, 1)
    wb_autoregressive_density_gradient(
      m, mean, firstPrecision, innovationPrecision, coefficient, &gradient, 1, d, 1)
    let second = (0..<d).map { -diagonal[$0] * s[$0] * s[$0] }
    return HermiteMoments(
      value: value[0] + 0.5 * second.reduce(0, +), first: (0..<d).map { gradient[$0] * s[$0] }, second: second,
      fourth: m.map { _ in 0 })
  }

  /// Under N(m, Σ): the density at m less ½ tr(P Σ), of which the three diagonals count.
  func covarianceMoments(mean m: [Double], covariance: [Double]) -> CovarianceMoments {
    let d = mean.count, precision = precision
    var gradient = m.map { _ in 0.0 }, trace = 0.0
    wb_autoregressive_density_gradient(
      m, mean, firstPrecision, innovationPrecision, coefficient, &gradient, 1, d, 1)
    for i in 0..<d {
      for j in precision.columns(i) { trace += (i == j ? 1 : 2) * precision[i, j] * covariance[i * d + j] }
    }
    return CovarianceMoments(value: logDensity(m) - 0.5 * trace, gradient: gradient, hessian: hessian)
  }

  /// log of the density at z.
  func logDensity(_ z: [Double]) -> Double { hermiteMoments(mean: z, scale: z.map { _ in 0 }).value }
}
