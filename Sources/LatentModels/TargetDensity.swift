internal import GradientEstimation

/// A model without data: a normalised density p(z) to approximate, a test problem of samplers.
///
/// log p(x | z) = 0 and log p(x) = 0, so that the ELBO is −KL(q ‖ p).
protocol TargetDensity: LatentModel, TwiceDifferentiableModel, NormalExpectations, IntegrandSpecification {
  /// Stores log p, `[B]`, and its gradient, `[D × B]`, where there is room for them, at z of a draw, `[D × B]`.
  func storeDensity(
    at z: UnsafePointer<Double>, _ values: UnsafeMutablePointer<Double>?, _ gradient: UnsafeMutablePointer<Double>?,
    lanes: Int)
  /// Stores ∂²/∂z_d² of log p, `[D × B]`.
  func storeDiagonalHessian(
    at z: UnsafePointer<Double>, _ diagonal: UnsafeMutablePointer<Double>, lanes: Int)
  /// Adds ∇² log p at one z `[D]`.
  func addHessian(at z: [Double], to matrix: inout SymmetricMatrix)
  /// Those of log p.
  func densityMoments(mean: [Double], scale: [Double]) -> HermiteMoments
  /// E log p and E ∇ log p under N(mean, covariance); stores E ∇² log p.
  func densityMoments(
    mean: [Double], covariance: [Double], hessian: inout SymmetricMatrix
  ) -> (value: Double, gradient: [Double])
}

extension TargetDensity {
  public var logEvidence: Double? { 0 }

  public func makeIntegrand() throws(ComponentError) -> any Integrand { self }

  public func evaluate(_ needed: Quantities, at draws: borrowing Draws, into evaluation: inout Evaluation) {
    let lanes = draws.shape.lanes, elements = draws.shape.dimension * lanes
    evaluation.store(.prior, needed, at: draws) { storeDensity(at: $0, $1, $2, lanes: lanes) }
    evaluation.store(.likelihood, needed, at: draws) { _, values, gradient in
      values?.update(repeating: 0, count: lanes)
      gradient?.update(repeating: 0, count: elements)
    }
    evaluation.storeDiagonalHessian(of: .prior, needed, at: draws) { storeDiagonalHessian(at: $0, $1, lanes: lanes) }
    evaluation.storeDiagonalHessian(of: .likelihood, needed, at: draws) { $1.update(repeating: 0, count: elements) }
  }

  public func hessian(of term: Term, at z: [Double]) -> [Double] {
    var matrix = SymmetricMatrix(dimension: dimension)
    if term == .prior { addHessian(at: z, to: &matrix) }
    return matrix.elements
  }

  public func covarianceMoments(of term: Term, mean: [Double], covariance: [Double]) -> CovarianceMoments? {
    guard terms.contains(term) else { return nil }
    var hessian = SymmetricMatrix(dimension: dimension)
    var (value, gradient) = (0.0, mean.map { _ in 0.0 })
    if term == .prior { (value, gradient) = densityMoments(mean: mean, covariance: covariance, hessian: &hessian) }
    return CovarianceMoments(value: value, gradient: gradient, hessian: hessian.elements)
  }

  public func hermiteMoments(of term: Term, mean: [Double], scale: [Double]) -> HermiteMoments? {
    switch term {
    case .prior: densityMoments(mean: mean, scale: scale)
    case .likelihood: .zero(dimension: mean.count)
    default: nil
    }
  }
}
