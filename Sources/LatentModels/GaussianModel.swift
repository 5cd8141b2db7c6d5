public import GradientEstimation
internal import CKernels

/// The conjugate normal model
///
///     z ~ N(0, I_D),   x | z ~ N(z, noise² I_D)
///
/// - Options: `dimension` D; `x`, one number for all coordinates or D of them; `noise`, a standard deviation.
/// - Exact: ELBO and gradient under a mean-field normal; log p(x) = Σ_d log N(x_d; 0, 1 + noise²); the posterior
///   N(x/(1 + noise²), noise²/(1 + noise²)).
/// - Cost: O(D) an evaluation.
public struct GaussianModel: LatentModel, DifferentiableModel, FactorizedModel, NormalExpectations {
  public var dimensionOption = 1
  public var x: [Double] = [1]
  public var noise = 1.0

  private var likelihood = DiagonalNormal.standard(1)
  private var standard = DiagonalNormal.standard(1)

  public init() {}

  public var dimension: Int { standard.mean.count }
  public var prior: (any Prior)? { standard }
  public var factorizedTerms: Terms { [.prior, .likelihood] }

  public var logEvidence: Double? {
    let marginal = DiagonalNormal(
      mean: likelihood.mean.map { _ in 0 }, scale: likelihood.mean.map { _ in (1 + noise * noise).squareRoot() })
    return marginal.hermiteMoments(mean: likelihood.mean, scale: likelihood.mean.map { _ in 0 }).value
  }

  public var namedDistributions: [String: any Prior] {
    let precision = 1 + 1 / (noise * noise)
    let posterior = DiagonalNormal(
      mean: likelihood.mean.map { $0 / (noise * noise) / precision },
      scale: likelihood.mean.map { _ in (1 / precision).squareRoot() })
    return ["prior": standard, "posterior": posterior]
  }

  public func evaluate(_ needed: Quantities, at draws: borrowing Draws, into evaluation: inout Evaluation) {
    standard.add(.prior, needed, at: draws, into: &evaluation)
    likelihood.add(.likelihood, needed, at: draws, into: &evaluation)
  }

  public func hermiteMoments(of term: Term, mean: [Double], scale: [Double]) -> HermiteMoments? {
    switch term {
    case .prior: standard.hermiteMoments(mean: mean, scale: scale)
    case .likelihood: likelihood.hermiteMoments(mean: mean, scale: scale)
    default: nil
    }
  }
}

extension GaussianModel: IntegrandSpecification {
  public static let descriptor = Descriptor<Self>(
    id: "gaussian", summary: "the conjugate normal model, everything exact",
    equation: "z ~ N(0, I_D),  x | z ~ N(z, noise² I_D)",
    notes: [
      Note("Exact", "ELBO, gradient, evidence, posterior; points prior and posterior."),
      Note("Serves", "values and gradients of prior and likelihood; both factorise over coordinates."),
    ],
    options: [
      .integer("dimension", \.dimensionOption, in: 1...100_000, "D"),
      .reals("x", \.x, in: .any, "the datum: one number for every coordinate, or D of them (1.5x2x-3)"),
      .real("noise", \.noise, in: RealBounds(lower: 1e-6, upper: 1e6), "standard deviation of x given z"),
    ])

  public func makeIntegrand() throws(ComponentError) -> any Integrand {
    guard x.count == 1 || x.count == dimensionOption else {
      throw ComponentError(
        option: "x", "holds \(x.count) numbers for dimension \(dimensionOption); give one or \(dimensionOption)")
    }
    var model = self
    model.standard = .standard(dimensionOption)
    model.likelihood = DiagonalNormal(
      mean: x.count == 1 ? Array(repeating: x[0], count: dimensionOption) : x,
      scale: Array(repeating: noise, count: dimensionOption))
    return model
  }
}
