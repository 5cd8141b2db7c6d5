internal import GradientEstimation

/// A cost that is a sum over coordinates of one function of one variable, f(z) = Σ_d f(z_d).
///
/// The toy costs of the literature are these with D = 1.
protocol SeparableCost: CostFunction, TwiceDifferentiableModel, FactorizedModel, NormalExpectations,
  IntegrandSpecification
{
  var dimensionOption: Int { get set }
  /// f(z)
  func value(_ z: Double) -> Double
  /// f′(z)
  func derivative(_ z: Double) -> Double
  /// f″(z)
  func curvature(_ z: Double) -> Double
  /// E f and E ∂ʲf/∂εʲ, j = 1, 2, 4, of z = m + s ε.
  func expectations(m: Double, s: Double) -> (value: Double, first: Double, second: Double, fourth: Double)
}

extension SeparableCost {
  public var dimension: Int { dimensionOption }
  public var factorizedTerms: Terms { .cost }
  public var sense: Sense { .minimize }

  public func makeIntegrand() throws(ComponentError) -> any Integrand { self }

  static var dimensionOption: Option<Self> {
    .integer("dimension", \.dimensionOption, in: 1...100_000, "D: the cost is summed over coordinates")
  }

  public func evaluate(_ needed: Quantities, at draws: borrowing Draws, into evaluation: inout Evaluation) {
    let (k, d, b) = (draws.shape.samples, draws.shape.dimension, draws.shape.lanes)
    let z = draws.z
    if needed.values.contains(.cost) {
      evaluation.withValues(of: .cost) { values in
        values.update(repeating: 0)
        for draw in 0..<k {
          for i in 0..<d {
            for lane in 0..<b { values[draw * b + lane] += value(z[(draw * d + i) * b + lane]) }
          }
        }
      }
    }
    if needed.coordinateValues.contains(.cost) {
      evaluation.withCoordinateValues(of: .cost) { values in
        for i in values.indices { values[i] = value(z[i]) }
      }
    }
    if needed.gradients.contains(.cost) {
      evaluation.withGradient(of: .cost) { gradient in
        for i in gradient.indices { gradient[i] = derivative(z[i]) }
      }
    }
    if needed.diagonalHessians.contains(Term.cost) {
      evaluation.withDiagonalHessian(of: .cost) { hessian in
        for i in hessian.indices { hessian[i] = curvature(z[i]) }
      }
    }
  }

  public func hessian(of term: Term, at z: [Double]) -> [Double] {
    var matrix = [Double](repeating: 0, count: z.count * z.count)
    for d in z.indices { matrix[d * z.count + d] = curvature(z[d]) }
    return matrix
  }

  public func hermiteMoments(of term: Term, mean: [Double], scale: [Double]) -> HermiteMoments? {
    guard term == .cost else { return nil }
    let each = zip(mean, scale).map { expectations(m: $0, s: $1) }
    let values = each.map(\.value)
    return HermiteMoments(
      value: values.reduce(0, +), coordinateValues: values, first: each.map(\.first), second: each.map(\.second),
      fourth: each.map(\.fourth))
  }

  /// As under the normals of the coordinates.
  public func covarianceMoments(of term: Term, mean: [Double], covariance: [Double]) -> CovarianceMoments? {
    guard term == .cost else { return nil }
    let d = mean.count
    var value = 0.0, gradient = mean, hessian = [Double](repeating: 0, count: d * d)
    for i in 0..<d {
      let s = covariance[i * d + i].squareRoot(), each = expectations(m: mean[i], s: s)
      value += each.value
      gradient[i] = each.first / s
      hessian[i * d + i] = each.second / (s * s)
    }
    return CovarianceMoments(value: value, gradient: gradient, hessian: hessian)
  }
}
