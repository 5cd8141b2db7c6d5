public import GradientEstimation
internal import CKernels

/// The conjugate normal model
///
///     z ~ N(μ, I_D),   x | z ~ N(z, noise² R),   R_ij = correlation^{|i−j|}
///
/// - Options: `dimension` D; `x`, one number for all coordinates or D of them; `noise`, a standard deviation;
///   `correlation`, that of neighbouring coordinates of x given z; `prior_mean`, μ, likewise one number or D;
///   `learn`: with `prior-mean`, θ = μ, and ∇_θ log p_θ(x, z) = z − μ.
/// - Exact: ELBO and gradient under a mean-field normal; log p(x) = log N(x; μ, I + noise² R). At correlation 0 the
///   posterior is N((x + noise² μ)/(1 + noise²), noise²/(1 + noise²)); else it has the dense covariance
///   (I + R⁻¹/noise²)⁻¹, which no mean-field normal has, and is offered up to D = 2048.
/// - Cost: O(D) an evaluation: R⁻¹ is tridiagonal.
public struct GaussianModel: LatentModel, TwiceDifferentiableModel, FactorizedModel, LogPolynomialModel,
  LearnableNormalExpectations
{
  public var dimensionOption = 1
  public var x: [Double] = [1]
  public var noise = 1.0
  public var correlation = 0.0
  public var priorMean: [Double] = [0]
  public var learned = Learned.none

  /// What θ is.
  public enum Learned: String, CaseIterable, Sendable { case none, priorMean = "prior-mean" }

  private var likelihood = DiagonalNormal.standard(1)
  private var standard = DiagonalNormal.standard(1)
  /// Proportional to the product of the two.
  private var joint = DiagonalNormal.standard(1)
  /// The likelihood in place of the above, where its coordinates are correlated.
  private var correlated: AutoregressiveNormal?

  public init() {}

  public var dimension: Int { standard.mean.count }
  public var prior: (any Prior)? { standard }
  public var servesSums: Bool { correlated == nil }
  public var factorizedTerms: Terms { correlated == nil ? [.prior, .likelihood] : .prior }

  public var logEvidence: Double? {
    if let correlated { return correlatedPosterior(correlated)?.evidence }
    let marginal = DiagonalNormal(
      mean: standard.mean, scale: likelihood.mean.map { _ in (1 + noise * noise).squareRoot() })
    return marginal.hermiteMoments(mean: likelihood.mean, scale: likelihood.mean.map { _ in 0 }).value
  }

  public var namedDistributions: [String: any Prior] {
    if let correlated {
      guard dimension <= NormalPosterior.largestDimension,
        let posterior = correlatedPosterior(correlated)?.posterior.distribution
      else { return ["prior": standard] }
      return ["prior": standard, "posterior": posterior]
    }
    let precision = 1 + 1 / (noise * noise)
    let posterior = DiagonalNormal(
      mean: zip(likelihood.mean, standard.mean).map { ($0 / (noise * noise) + $1) / precision },
      scale: likelihood.mean.map { _ in (1 / precision).squareRoot() })
    return ["prior": standard, "posterior": posterior]
  }

  /// With A = I + C⁻¹ the posterior mean is x − A⁻¹(x − μ): what is left of x, A⁻¹(x − μ), is what the evidence's likelihood
  /// is of.
  private func correlatedPosterior(
    _ likelihood: AutoregressiveNormal
  ) -> (posterior: NormalPosterior, evidence: Double)? {
    let precision = likelihood.precision.adding(diagonal: standard.precision)
    var residual: [Double] = []
    let posterior = NormalPosterior(precision: precision) { solve in
      residual = solve(zip(likelihood.mean, standard.mean).map { $0 - $1 })
      return zip(likelihood.mean, residual).map { $0 - $1 }
    }
    guard let posterior else { return nil }
    let prior = standard.hermiteMoments(mean: posterior.mean, scale: residual.map { _ in 0 }).value
    let centered = AutoregressiveNormal(
      mean: residual.map { _ in 0 }, precision: likelihood.firstPrecision, correlation: likelihood.coefficient)
    return (posterior, posterior.logEvidence(jointAtMean: prior + centered.logDensity(residual)))
  }

  public func evaluate(_ needed: Quantities, at draws: borrowing Draws, into evaluation: inout Evaluation) {
    standard.store(.prior, needed, at: draws, into: &evaluation)
    if let correlated {
      correlated.store(.likelihood, needed, at: draws, into: &evaluation)
    } else {
      likelihood.store(.likelihood, needed, at: draws, into: &evaluation)
      joint.storeGradient(of: [.prior, .likelihood], needed, at: draws, into: &evaluation)
    }
  }

  public var modelParameterBlocks: [ParameterBlock] {
    learned == .none ? [] : [ParameterBlock(name: "prior_mean", range: 0..<dimension)]
  }
  public var modelParameters: [Double] { learned == .none ? [] : standard.mean }

  public func with(modelParameters: [Double]) -> GaussianModel {
    guard learned != .none else { return self }
    var model = self
    model.standard = DiagonalNormal(mean: modelParameters, scale: standard.scale)
    model.joint = model.standard.product(with: likelihood)
    return model
  }

  public func addModelGradient(
    weights: borrowing Span<Double>, at draws: borrowing Draws, _ evaluation: borrowing Evaluation,
    into gradients: inout MutableSpan<Double>
  ) {
    guard learned != .none else { return }
    let (k, d, b) = (draws.shape.samples, dimension, draws.shape.lanes), means = standard.mean
    for sample in 0..<k {
      for i in 0..<d {
        let row = (sample * d + i) * b
        for lane in 0..<b {
          gradients[i * b + lane] += weights[sample * b + lane] * (draws.z[row + lane] - means[i])
        }
      }
    }
  }

  /// E z − μ.
  public func modelGradient(mean: [Double], scale: [Double]) -> [Double] {
    learned == .none ? [] : zip(mean, standard.mean).map { $0 - $1 }
  }

  public func modelGradient(mean: [Double], covariance: [Double]) -> [Double] {
    modelGradient(mean: mean, scale: [])
  }

  public func hessian(of term: Term, at z: [Double]) -> [Double] {
    term == .prior ? standard.hessian : correlated?.hessian ?? likelihood.hessian
  }

  public func hermiteMoments(of term: Term, mean: [Double], scale: [Double]) -> HermiteMoments? {
    switch term {
    case .prior: standard.hermiteMoments(mean: mean, scale: scale)
    case .likelihood:
      correlated?.hermiteMoments(mean: mean, scale: scale) ?? likelihood.hermiteMoments(mean: mean, scale: scale)
    default: nil
    }
  }

  public func covarianceMoments(of term: Term, mean: [Double], covariance: [Double]) -> CovarianceMoments? {
    switch term {
    case .prior: standard.covarianceMoments(mean: mean, covariance: covariance)
    case .likelihood:
      correlated?.covarianceMoments(mean: mean, covariance: covariance)
        ?? likelihood.covarianceMoments(mean: mean, covariance: covariance)
    default: nil
    }
  }

  public func logPolynomial(of term: Term) -> LogPolynomial? {
    switch term {
    case .prior: standard.logPolynomial
    case .likelihood: correlated == nil ? likelihood.logPolynomial : nil
    default: nil
    }
  }
}

extension GaussianModel: IntegrandSpecification {
  public static let descriptor = Descriptor<Self>(
    id: "gaussian", summary: "the conjugate normal model, everything exact",
    equation: "z ~ N(μ, I_D),  x | z ~ N(z, noise² R),  R_ij = correlation^|i−j|",
    notes: [
      Note("Exact", "ELBO, gradient, evidence, posterior; points prior and posterior."),
      Note(
        "Correlation",
        "correlation=0: the family contains the posterior, and prior and likelihood factorise. Else the posterior is correlated (offered up to D = 2048): mean-field-normal has no member that is it, and the best it can do is to underestimate its variances."
      ),
      Note(
        "Serves",
        "values, gradients and Hessians of prior and likelihood; both factorise over coordinates, the likelihood only at correlation=0."
      ),
    ],
    options: [
      .integer("dimension", \.dimensionOption, in: 1...100_000, "D"),
      .reals("x", \.x, in: .any, "the datum: one number for every coordinate, or D of them (1.5x2x-3)"),
      .real("noise", \.noise, in: RealBounds(lower: 1e-6, upper: 1e6), "standard deviation of x given z"),
      .real(
        "correlation", \.correlation, in: RealBounds(lower: -0.999, upper: 0.999),
        "correlation of neighbouring coordinates of x given z; of those n apart its n-th power"),
      .reals("prior_mean", \.priorMean, in: .any, "μ: one number for every coordinate, or D of them"),
      .choice(
        "learn", \.learned,
        "what is a parameter θ to learn: none; prior-mean, θ = μ, whose gradient is the block model_parameters"),
    ],
    examples: [["correlation": "0"], ["correlation": "-0.6", "prior_mean": "0.5x-1x0.2", "learn": "prior-mean"]].map {
      Example(
        options: ["dimension": "3", "x": "1x-0.5x2", "noise": "0.8"].merging($0) { $1 },
        normals: [NormalPoint(mean: [2, -2], scale: [0.7]), NormalPoint(mean: [-1], scale: [1, 0.8])])
    })

  public func makeIntegrand() throws(ComponentError) -> any Integrand {
    func everyCoordinate(_ numbers: [Double], _ option: String) throws(ComponentError) -> [Double] {
      guard numbers.count == 1 || numbers.count == dimensionOption else {
        throw ComponentError(
          option: option,
          "holds \(numbers.count) numbers for dimension \(dimensionOption); give one or \(dimensionOption)")
      }
      return numbers.count == 1 ? Array(repeating: numbers[0], count: dimensionOption) : numbers
    }
    var model = self
    model.standard = DiagonalNormal(
      mean: try everyCoordinate(priorMean, "prior_mean"), scale: Array(repeating: 1, count: dimensionOption))
    model.likelihood = DiagonalNormal(
      mean: try everyCoordinate(x, "x"), scale: Array(repeating: noise, count: dimensionOption))
    model.joint = model.standard.product(with: model.likelihood)
    // One coordinate has no neighbour.
    if correlation != 0, dimensionOption > 1 {
      model.correlated = AutoregressiveNormal(
        mean: model.likelihood.mean, precision: 1 / (noise * noise), correlation: correlation)
    }
    return model
  }
}
