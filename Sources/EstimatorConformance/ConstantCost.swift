internal import GradientEstimation

/// f(z) = 3, whatever z: every gradient of E f is zero.
///
/// It is offered with all that an integrand may offer, so that every estimator that serves any cost serves this one.
struct ConstantCost: CostFunction, TwiceDifferentiableModel, FactorizedModel, NormalExpectations, IntegrandSpecification
{
  static let value = 3.0

  static let descriptor = Descriptor<Self>(
    id: "constant", summary: "a constant cost", equation: "f(z) = 3",
    examples: [Example(normals: [NormalPoint(mean: [0.4, -0.3], scale: [0.7, 1.3])])])

  var dimension: Int { 2 }
  var sense: Sense { .minimize }
  var factorizedTerms: Terms { .cost }

  func makeIntegrand() throws(ComponentError) -> any Integrand { self }

  func evaluate(_ needed: Quantities, at draws: borrowing Draws, into evaluation: inout Evaluation) {
    if needed.values.contains(.cost) { evaluation.withValues(of: .cost) { $0.update(repeating: Self.value) } }
    if needed.gradients.contains(.cost) { evaluation.withGradient(of: .cost) { $0.update(repeating: 0) } }
    if needed.diagonalHessians.contains(Term.cost) {
      evaluation.withDiagonalHessian(of: .cost) { $0.update(repeating: 0) }
    }
    if needed.coordinateValues.contains(.cost) {
      evaluation.withCoordinateValues(of: .cost) { $0.update(repeating: Self.value / Double(dimension)) }
    }
  }

  func hessian(of term: Term, at z: [Double]) -> [Double] {
    Array(repeating: 0, count: dimension * dimension)
  }

  func hermiteMoments(of term: Term, mean: [Double], scale: [Double]) -> HermiteMoments? {
    let zeros = [Double](repeating: 0, count: dimension)
    return HermiteMoments(
      value: Self.value, coordinateValues: zeros.map { _ in Self.value / Double(dimension) }, first: zeros,
      second: zeros, fourth: zeros)
  }

  func covarianceMoments(of term: Term, mean: [Double], covariance: [Double]) -> CovarianceMoments? {
    CovarianceMoments(value: Self.value, gradient: mean.map { _ in 0 }, hessian: covariance.map { _ in 0 })
  }
}
