internal import GradientEstimation

/// The posterior of a model whose log p(x, z) is quadratic in z, and its evidence.
///
/// With A = −∇²_z log p(x, z) and ẑ where log p(x, z) is greatest, p(z | x) = N(ẑ, A⁻¹) and
///
///     log p(x) = log p(x, ẑ) + ½ (D log 2π − log |A|)
///
/// so sums of squares and a log determinant, nothing that cancels. All models that are normal given their parameters have
/// theirs from here: correlated `gaussian`, `linear-regression`, `state-space`.
///
/// - Cost: that of `CholeskyFactor`: O(D) where A is tridiagonal.
struct NormalPosterior: Hashable, Sendable {
  /// ẑ
  let mean: [Double]
  /// A
  let precision: BandedMatrix
  private let logDeterminant: Double

  static let largestDimension = 2048

  /// Nil where A is not positive definite in floating point.
  ///
  /// - Parameter mean: ẑ, given the way to solve A u = b.
  init?(precision: BandedMatrix, mean: (_ solve: ([Double]) -> [Double]) -> [Double]) {
    guard let factor = CholeskyFactor(precision) else { return nil }
    self.precision = precision
    self.mean = mean(factor.solve)
    logDeterminant = factor.logDeterminant
  }

  /// log p(x), given log p(x, ẑ).
  func logEvidence(jointAtMean joint: Double) -> Double {
    joint + 0.5 * (Double(mean.count) * logTwoPi - logDeterminant)
  }

  /// Offered up to the largest dimension: its precision is dense as a matrix.
  var distribution: MultivariateNormal? {
    mean.count <= Self.largestDimension ? MultivariateNormal(mean: mean, precision: precision.dense) : nil
  }
}
