internal import CKernels
internal import GradientEstimation

/// log N(z; mean, diag(scale²)) as a term of a model: shared by every prior and likelihood of that form.
extension DiagonalNormal {
  /// Stores the density's quantities as `term` in `evaluation`.
  ///
  /// - Parameter constants: what each coordinate has in place of `logNormalizer`, for a density up to a factor.
  func store(
    _ term: Term, _ needed: Quantities, at draws: borrowing Draws, into evaluation: inout Evaluation,
    constants: [Double]? = nil
  ) {
    let constants = constants ?? logNormalizer
    let (k, d, b) = (draws.shape.samples, draws.shape.dimension, draws.shape.lanes)
    let (values, coordinates) = (needed.values.contains(term), needed.coordinateValues.contains(term))
    storeGradient(of: Terms(term), needed, at: draws, into: &evaluation)
    if needed.diagonalHessians.contains(term) {
      evaluation.withDiagonalHessian(of: term) { fillRows($0, precision.lazy.map { -$0 }, lanes: b) }
    }
    guard values || coordinates else { return }
    draws.z.withUnsafeBufferPointer { z in
      if values {
        evaluation.withValues(of: term) {
          wb_normal_density_values(z.baseAddress, mean, precision, constants, $0.baseAddress, k, d, b)
        }
      }
      if coordinates {
        evaluation.withCoordinateValues(of: term) {
          wb_normal_density_coordinates(z.baseAddress, mean, precision, constants, $0.baseAddress, k, d, b)
        }
      }
    }
  }

  /// Stores the density's gradient as that of the sum of `terms`, if it is needed.
  func storeGradient(
    of terms: Terms, _ needed: Quantities, at draws: borrowing Draws, into evaluation: inout Evaluation
  ) {
    guard needed.gradients.contains(terms) else { return }
    let (k, d, b) = (draws.shape.samples, draws.shape.dimension, draws.shape.lanes)
    draws.z.withUnsafeBufferPointer { z in
      evaluation.withGradient(of: terms) {
        wb_normal_density_gradient(z.baseAddress, mean, precision, $0.baseAddress, k, d, b)
      }
    }
  }

  /// −diag(precision), `[D × D]`.
  var hessian: [Double] {
    let d = precision.count
    var matrix = [Double](repeating: 0, count: d * d)
    for i in 0..<d { matrix[i * d + i] = -precision[i] }
    return matrix
  }

  /// The normal that the product of the densities is proportional to: its gradient is the sum of theirs.
  func product(with other: DiagonalNormal) -> DiagonalNormal {
    let precisions = zip(precision, other.precision).map { $0 + $1 }
    return DiagonalNormal(
      mean: mean.indices.map {
        (precision[$0] * mean[$0] + other.precision[$0] * other.mean[$0]) / precisions[$0]
      }, precision: precisions)
  }

  /// log N(z_d; c, 1/τ) = −½ log(2π/τ) − ½ τ (z_d − c)², under z = m + s ε.
  func hermiteMoments(mean m: [Double], scale s: [Double], constants: [Double]? = nil) -> HermiteMoments {
    let constants = constants ?? logNormalizer
    let values = m.indices.map { d in
      let residual = m[d] - mean[d]
      return constants[d]
        - 0.5 * precision[d] * (residual * residual + s[d] * s[d])
    }
    return HermiteMoments(
      value: values.reduce(0, +), coordinateValues: values,
      first: m.indices.map { (mean[$0] - m[$0]) * precision[$0] * s[$0] },
      second: m.indices.map { -precision[$0] * s[$0] * s[$0] }, fourth: m.map { _ in 0 })
  }

  /// Under N(m, Σ): as under the normals of its coordinates, since the density factorises.
  func covarianceMoments(mean m: [Double], covariance: [Double], constants: [Double]? = nil) -> CovarianceMoments {
    let d = m.count, constants = constants ?? logNormalizer
    var value = 0.0, hessian = [Double](repeating: 0, count: d * d)
    for i in 0..<d {
      let residual = m[i] - mean[i]
      value += constants[i] - 0.5 * precision[i] * (residual * residual + covariance[i * d + i])
      hessian[i * d + i] = -precision[i]
    }
    return CovarianceMoments(
      value: value, gradient: (0..<d).map { (mean[$0] - m[$0]) * precision[$0] }, hessian: hessian)
  }

  /// log N(z_d; c, 1/τ) = ½ log(τ/2π) − ½ τ c² + τ c z_d − ½ τ z_d².
  var logPolynomial: LogPolynomial {
    LogPolynomial(
      dimension: mean.count,
      constant: mean.indices.map { logNormalizer[$0] - 0.5 * precision[$0] * mean[$0] * mean[$0] },
      linear: zip(precision, mean).map { $0 * $1 }, quadratic: precision.map { -0.5 * $0 })
  }
}

/// Fills `[K × D × B]` with numbers that are the same for every draw and lane, one a coordinate.
func fillRows(
  _ rows: UnsafeMutableBufferPointer<Double>, _ values: some RandomAccessCollection<Double>, lanes: Int
) {
  var start = 0
  while start < rows.count {
    for value in values {
      rows[start..<start + lanes].update(repeating: value)
      start += lanes
    }
  }
}
