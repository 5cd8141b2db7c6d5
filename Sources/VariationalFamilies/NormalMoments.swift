internal import GradientEstimation

/// log 2π
let logTwoPi = 1.8378770664093454836

extension Integrand {
  /// Moments of Σ `terms` under N(mean, covariance), `[D × D]`; nil where they are not known.
  func covarianceMoments(of terms: Terms, mean: [Double], covariance: [Double]) -> CovarianceMoments? {
    let d = mean.count
    var sum = CovarianceMoments(
      value: 0, gradient: Array(repeating: 0, count: d), hessian: Array(repeating: 0, count: d * d))
    for term in terms.members {
      guard
        let known = (self as? any NormalExpectations)?
          .covarianceMoments(of: term, mean: mean, covariance: covariance)
      else { return nil }
      sum.value += known.value
      for i in sum.gradient.indices { sum.gradient[i] += known.gradient[i] }
      for i in sum.hessian.indices { sum.hessian[i] += known.hessian[i] }
    }
    return sum
  }

  /// ∇_θ of E Σ `terms` under N(mean, covariance), `[D × D]`; nil where it is not known, or θ is none of theirs.
  func modelGradient(of terms: Terms, mean: [Double], covariance: [Double]) -> [Double]? {
    guard terms.contains(.likelihood), let known = self as? any LearnableNormalExpectations else { return nil }
    return known.modelGradient(mean: mean, covariance: covariance)
  }

  /// The prior, if the KL divergence of a normal distribution to it has a closed form.
  var normalPrior: (any Prior)? {
    let prior = (self as? any LatentModel)?.prior
    return prior is DiagonalNormal || prior is MultivariateNormal ? prior : nil
  }
}

/// E_q log p(z) of a normal prior with mean μ and precision Λ, under a q of mean m and covariance Σ:
///
///     −½ (m − μ)ᵀ Λ (m − μ) − ½ tr(Λ Σ) + ½ log |Λ/2π|,   ∇_m = −Λ (m − μ),   ∇_Σ = −½ Λ
struct NormalPriorGradient {
  private let mean: [Double]
  /// Of a diagonal normal `[D]`, else `[D × D]`.
  private let precision: [Double]
  private let isDiagonal: Bool

  init?(_ prior: (any Prior)?) {
    if let diagonal = prior as? DiagonalNormal {
      (mean, precision, isDiagonal) = (diagonal.mean, diagonal.precision, true)
    } else if let dense = prior as? MultivariateNormal {
      (mean, precision, isDiagonal) = (dense.mean, dense.precision, false)
    } else {
      return nil
    }
  }

  /// Λ_ii
  func curvature(_ i: Int) -> Double { isDiagonal ? precision[i] : precision[i * mean.count + i] }

  /// gradient −= Λ (m − μ)
  func addMean(_ m: UnsafePointer<Double>, to gradient: UnsafeMutablePointer<Double>) {
    forEach { i, j, precision in gradient[i] -= precision * (m[j] - mean[j]) }
  }

  /// Calls `body` with i, j and Λ_ij, wherever that may be other than 0.
  func forEach(_ body: (_ i: Int, _ j: Int, _ precision: Double) -> Void) {
    let d = mean.count
    for i in 0..<d {
      if isDiagonal { body(i, i, precision[i]) } else { for j in 0..<d { body(i, j, precision[i * d + j]) } }
    }
  }
}
