internal import CKernels
public import GradientEstimation

/// A factor e^{a u} turns N(m, Σ) into E e^{a u} times the normal of mean m + a Σ_u, Σ_u the column of u = log tau.
extension EightSchools {
  public func covarianceMoments(of term: Term, mean: [Double], covariance: [Double]) -> CovarianceMoments? {
    var moments = Moments(self, mean, covariance)
    switch (term, parametrisation) {
    case (.prior, .centred):
      moments.addHyperprior()
      moments.addCentredPrior()
    case (.prior, .nonCentred):
      moments.addHyperprior()
      for j in 2..<dimension { moments.addSquare(j, center: 0, precision: 1, constant: -0.5 * logTwoPi) }
    case (.likelihood, .centred):
      moments.value = Self.likelihoodConstant
      for (i, effect) in Self.effects.enumerated() {
        moments.addSquare(2 + i, center: effect, precision: Self.precisions[i], constant: 0)
      }
    case (.likelihood, .nonCentred): moments.addNonCentredLikelihood()
    default: return nil
    }
    return CovarianceMoments(value: moments.value, gradient: moments.gradient, hessian: moments.hessian.elements)
  }

  /// A sum of E f, E ∇f and E ∇²f under N(m, Σ).
  private struct Moments {
    let mean, covariance: [Double]
    let dimension: Int
    var value = 0.0
    var gradient: [Double]
    var hessian: SymmetricMatrix

    init(_ model: EightSchools, _ mean: [Double], _ covariance: [Double]) {
      (self.mean, self.covariance, dimension) = (mean, covariance, model.dimension)
      gradient = mean.map { _ in 0 }
      hessian = SymmetricMatrix(dimension: dimension)
    }

    func covariance(_ i: Int, _ j: Int) -> Double { covariance[i * dimension + j] }
    /// E e^{a u}
    func power(_ a: Double) -> Double { wb_exp(a * mean[1] + 0.5 * a * a * covariance(1, 1)) }
    /// The mean of coordinate i where e^{a u} is a factor.
    func tilted(_ i: Int, _ a: Double) -> Double { mean[i] + a * covariance(i, 1) }

    /// constant − ½ precision (z_i − center)²
    mutating func addSquare(_ i: Int, center: Double, precision: Double, constant: Double) {
      let residual = center - mean[i]
      value += constant - 0.5 * precision * (residual * residual + covariance(i, i))
      gradient[i] += precision * residual
      hessian.add(-precision, i, i)
    }

    mutating func addHyperprior() {
      addSquare(0, center: 0, precision: 1 / (hyperscale * hyperscale), constant: hyperpriorConstant)
      var softplus = [0.0, 0, 0, 0]
      wb_softplus_moments(2 * mean[1] - logSquare, 2 * covariance(1, 1).squareRoot(), &softplus)
      value += mean[1] - softplus[0]
      gradient[1] += 1 - 2 * softplus[1]
      hessian.add(-4 * softplus[2], 1, 1)
    }

    /// −½ log 2π − u − ½ e^{−2u} (theta − mu)²
    mutating func addCentredPrior() {
      let precision = power(-2)
      for j in 2..<dimension {
        let distance = tilted(j, -2) - tilted(0, -2), pull = precision * distance
        let variance = covariance(j, j) + covariance(0, 0) - 2 * covariance(j, 0)
        let square = precision * (distance * distance + variance)
        value -= 0.5 * logTwoPi + mean[1] + 0.5 * square
        gradient[0] += pull
        gradient[1] += square - 1
        gradient[j] -= pull
        hessian.add(-precision, 0, 0)
        hessian.add(-2 * pull, 0, 1)
        hessian.add(-2 * square, 1, 1)
        hessian.add(precision, 0, j)
        hessian.add(2 * pull, 1, j)
        hessian.add(-precision, j, j)
      }
    }

    /// −½ ((y − mu)² − 2 (y − mu) e^u eta + e^{2u} eta²)/s² and its constant.
    mutating func addNonCentredLikelihood() {
      value += likelihoodConstant
      let tau = power(1), square = power(2)
      for (i, effect) in effects.enumerated() {
        let j = 2 + i, precision = precisions[i], residual = effect - mean[0]
        // E e^u eta, E e^u (y − mu), E e^u (y − mu) eta, E e^{2u} eta, E e^{2u} eta².
        let deviation = tau * tilted(j, 1), rest = tau * (effect - tilted(0, 1))
        let cross = rest * tilted(j, 1) - tau * covariance(0, j)
        let twice = square * tilted(j, 2), own = twice * tilted(j, 2) + square * covariance(j, j)
        value -= 0.5 * precision * (residual * residual + covariance(0, 0) - 2 * cross + own)
        gradient[0] += precision * (residual - deviation)
        gradient[1] += precision * (cross - own)
        gradient[j] += precision * (rest - twice)
        hessian.add(-precision, 0, 0)
        hessian.add(-precision * deviation, 0, 1)
        hessian.add(precision * (cross - 2 * own), 1, 1)
        hessian.add(-precision * tau, 0, j)
        hessian.add(precision * (rest - 2 * twice), 1, j)
        hessian.add(-precision * square, j, j)
      }
    }
  }
}
