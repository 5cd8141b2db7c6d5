internal import CKernels
internal import GradientEstimation

/// N(mean, C), C_ij = ρ^{|i−j|} / τ, a first-order autoregression, |ρ| < 1. Its precision is tridiagonal:
///
///     C⁻¹ = τ/(1 − ρ²) · (1 + ρ² on the diagonal, 1 at both its ends, −ρ beside it)
///
/// so that everything here is O(D), but what is dense by its nature.
struct AutoregressiveNormal: Hashable, Sendable {
  let mean: [Double]
  /// τ, of every coordinate.
  let precision: Double
  /// ρ
  let correlation: Double

  /// The diagonal of C⁻¹, `[D]`, and what is beside it.
  private var diagonal: [Double] {
    let d = mean.count, factor = precision / (1 - correlation * correlation)
    if d == 1 { return [precision] }
    return (0..<d).map { $0 == 0 || $0 == d - 1 ? factor : factor * (1 + correlation * correlation) }
  }
  private var offDiagonal: Double { -correlation * precision / (1 - correlation * correlation) }

  /// Stores values, gradients and second derivatives of the density as `term` in `evaluation`. It does not factorise.
  func store(_ term: Term, _ needed: Quantities, at draws: borrowing Draws, into evaluation: inout Evaluation) {
    let (k, d, b) = (draws.shape.samples, draws.shape.dimension, draws.shape.lanes)
    draws.z.withUnsafeBufferPointer { z in
      if needed.values.contains(term) {
        evaluation.withValues(of: term) {
          wb_autoregressive_density_values(z.baseAddress, mean, precision, correlation, $0.baseAddress, k, d, b)
        }
      }
      if needed.gradients.contains(Terms(term)) {
        evaluation.withGradient(of: Terms(term)) {
          wb_autoregressive_density_gradient(z.baseAddress, mean, precision, correlation, $0.baseAddress, k, d, b)
        }
      }
    }
    if needed.diagonalHessians.contains(term) {
      evaluation.withDiagonalHessian(of: term) { fillRows($0, diagonal.lazy.map { -$0 }, lanes: b) }
    }
  }

  /// −C⁻¹, `[D × D]`.
  var hessian: [Double] {
    let d = mean.count, diagonal = diagonal, beside = offDiagonal
    var matrix = [Double](repeating: 0, count: d * d)
    for i in 0..<d {
      matrix[i * d + i] = -diagonal[i]
      if i > 0 {
        matrix[i * d + i - 1] = -beside
        matrix[(i - 1) * d + i] = -beside
      }
    }
    return matrix
  }

  /// Under z = m + s ε: the density's gradient at m, scaled, and −½ Σ_d (C⁻¹)_dd s_d² on top of its value there.
  func hermiteMoments(mean m: [Double], scale s: [Double]) -> HermiteMoments {
    let d = mean.count, diagonal = diagonal
    var value = [0.0], gradient = m.map { _ in 0.0 }
    wb_autoregressive_density_values(m, mean, precision, correlation, &value, 1, d, 1)
    wb_autoregressive_density_gradient(m, mean, precision, correlation, &gradient, 1, d, 1)
    let second = (0..<d).map { -diagonal[$0] * s[$0] * s[$0] }
    return HermiteMoments(
      value: value[0] + 0.5 * second.reduce(0, +), first: (0..<d).map { gradient[$0] * s[$0] }, second: second,
      fourth: m.map { _ in 0 })
  }

  /// Under N(m, Σ): the density at m less ½ tr(C⁻¹ Σ), of which the three diagonals count.
  func covarianceMoments(mean m: [Double], covariance: [Double]) -> CovarianceMoments {
    let d = mean.count, diagonal = diagonal, beside = offDiagonal
    let point = hermiteMoments(mean: m, scale: m.map { _ in 0 }).value
    var gradient = m.map { _ in 0.0 }, hessian = [Double](repeating: 0, count: d * d), trace = 0.0
    wb_autoregressive_density_gradient(m, mean, precision, correlation, &gradient, 1, d, 1)
    for i in 0..<d {
      hessian[i * d + i] = -diagonal[i]
      trace += diagonal[i] * covariance[i * d + i]
      guard i > 0 else { continue }
      hessian[i * d + i - 1] = -beside
      hessian[(i - 1) * d + i] = -beside
      trace += 2 * beside * covariance[i * d + i - 1]
    }
    return CovarianceMoments(value: point - 0.5 * trace, gradient: gradient, hessian: hessian)
  }

  /// What follows of z ~ N(0, I) from x | z ~ N(z, C), with x = `mean`.
  ///
  /// A = I + C⁻¹ is tridiagonal, A = L Δ Lᵀ. The posterior is N(x − A⁻¹x, A⁻¹), and
  /// log p(x) = log p(x, ẑ) − log p(ẑ | x) at its mean ẑ.
  var conjugate: (posteriorMean: [Double], logEvidence: Double) {
    let d = mean.count, beside = offDiagonal
    var pivots = diagonal.map { 1 + $0 }, residual = mean
    for i in 1..<max(d, 1) {
      let factor = beside / pivots[i - 1]
      pivots[i] -= factor * beside
      residual[i] -= factor * residual[i - 1]
    }
    residual[d - 1] /= pivots[d - 1]
    for i in (0..<d - 1).reversed() { residual[i] = (residual[i] - beside * residual[i + 1]) / pivots[i] }
    let posteriorMean = (0..<d).map { mean[$0] - residual[$0] }
    let zeros = mean.map { _ in 0.0 }
    let joint =
      DiagonalNormal.standard(d).hermiteMoments(mean: posteriorMean, scale: zeros).value
      + AutoregressiveNormal(mean: zeros, precision: precision, correlation: correlation)
      .hermiteMoments(mean: residual, scale: zeros).value
    let logDeterminant = pivots.reduce(0) { $0 + wb_log($1) }
    return (posteriorMean, joint + 0.5 * (Double(d) * 1.8378770664093454836 - logDeterminant))
  }

  /// The precision of that posterior, I + C⁻¹, `[D × D]`.
  var posteriorPrecision: [Double] {
    let d = mean.count
    var matrix = hessian.map { -$0 }
    for i in 0..<d { matrix[i * d + i] += 1 }
    return matrix
  }
}
