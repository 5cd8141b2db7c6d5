internal import GradientEstimation

/// Posterior and evidence of a `LinearDecoder`, of any x, by k × k matrices alone: with A = I + Wᵀ Ψ⁻¹ W
///
///     p(z | x) = N(ẑ, A⁻¹),   ẑ = A⁻¹ Wᵀ Ψ⁻¹ (x − μ)
///     log p(x) = log p(x, ẑ) + ½ (k log 2π − log |A|)
///
/// which is log N(x; μ, W Wᵀ + Ψ) by the Woodbury identity, in sums of squares that do not cancel. Tipping and Bishop (1999),
/// equations (4) and (6), are this for one σ.
///
/// - Cost: O(k³) once, O(k (k + d)) a datum.
struct LinearPosterior {
  private let decoder: LinearDecoder
  private let factor: CholeskyFactor
  /// A, `[k × k]`
  private let precision: [Double]

  /// Nil where A is not positive definite in floating point.
  init?(_ decoder: LinearDecoder) {
    let k = decoder.latent
    let matrix = BandedMatrix(decoder.information, dimension: k).adding(diagonal: Array(repeating: 1, count: k))
    guard let factor = CholeskyFactor(matrix) else { return nil }
    (self.decoder, self.factor, precision) = (decoder, factor, matrix.dense)
  }

  /// ẑ
  func mean(_ x: [Double]) -> [Double] {
    factor.solve(decoder.projection(decoder.residual(x, at: [])))
  }

  func distribution(_ x: [Double]) -> MultivariateNormal { MultivariateNormal(mean: mean(x), precision: precision) }

  /// log p(x): of the normalisers of prior and posterior the 2π cancel.
  func logEvidence(_ x: [Double]) -> Double {
    let z = mean(x)
    let likelihood = decoder.logDensity(ofResidual: decoder.residual(x, at: z))
    return likelihood - 0.5 * (z.reduce(0) { $0 + $1 * $1 } + factor.logDeterminant)
  }
}
