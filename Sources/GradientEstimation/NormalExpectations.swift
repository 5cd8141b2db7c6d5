/// An integrand whose expectations under normal distributions are known.
public protocol NormalExpectations: Integrand {
  /// Hermite moments of `term` under z = mean + scale ⊙ ε, or nil where they are not known.
  func hermiteMoments(of term: Term, mean: [Double], scale: [Double]) -> HermiteMoments?
  /// Moments of `term` under N(mean, covariance), with a covariance `[D × D]` row by row, or nil where they are not known.
  /// By default they are not.
  func covarianceMoments(of term: Term, mean: [Double], covariance: [Double]) -> CovarianceMoments?
}

extension NormalExpectations {
  public func covarianceMoments(of term: Term, mean: [Double], covariance: [Double]) -> CovarianceMoments? { nil }
}

/// A model whose gradient in its parameters θ has known expectations under normal distributions.
public protocol LearnableNormalExpectations: LearnableModel, NormalExpectations {
  /// E ∇_θ log p_θ(x, z), `[Q]`, under z = mean + scale ⊙ ε.
  func modelGradient(mean: [Double], scale: [Double]) -> [Double]
  /// The same under N(mean, covariance), with a covariance `[D × D]` row by row.
  func modelGradient(mean: [Double], covariance: [Double]) -> [Double]
}

/// E f and the derivatives of f in standardised coordinates: with z = m + s ⊙ ε, ε ~ N(0, I),
///
///     E f,   E ∂f/∂ε_d,   E ∂²f/∂ε_d²,   E ∂⁴f/∂ε_d⁴
///
/// They give everything that is wanted of f in closed form. By Stein's identity the gradient of E f is
/// E ∂f/∂ε_d / s_d in the mean and E ∂²f/∂ε_d² in log s, and with the score (ε/s, ε² − 1) the constants
/// E[f score²] / E[score²] are E f + E ∂²f and E f + 2 E ∂²f + ½ E ∂⁴f.
public struct HermiteMoments: Sendable {
  public var value: Double
  /// E f_d where f = Σ_d f_d(z_d); nil where f is not such a sum.
  public var coordinateValues: [Double]?
  public var first: [Double]
  public var second: [Double]
  public var fourth: [Double]

  public init(
    value: Double, coordinateValues: [Double]? = nil, first: [Double], second: [Double], fourth: [Double]
  ) {
    self.value = value
    self.coordinateValues = coordinateValues
    self.first = first
    self.second = second
    self.fourth = fourth
  }
}

/// E f, E ∇f and E ∇²f under N(m, Σ): all that the gradient of E f needs, in whatever way m and Σ depend on λ, since
///
///     ∇_m E f = E ∇f,   ∇_Σ E f = ½ E ∇²f
///
/// (Bonnet 1964; Price 1958; Opper and Archambeau 2009, equations (A.1) and (A.3).)
public struct CovarianceMoments: Sendable {
  public var value: Double
  /// E ∇f, `[D]`
  public var gradient: [Double]
  /// E ∇²f, symmetric, `[D × D]`
  public var hessian: [Double]

  public init(value: Double, gradient: [Double], hessian: [Double]) {
    self.value = value
    self.gradient = gradient
    self.hessian = hessian
  }
}
