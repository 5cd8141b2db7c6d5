internal import CKernels
public import GradientEstimation

/// The conjugate gamma-Poisson model
///
///     z_d ~ Gamma(shape, rate),   x_d | z_d ~ Poisson(exposure · z_d),   d = 1…D
///
/// - Options: `dimension` D; `counts`, one number for all coordinates or D of them; `exposure`, such as a number of
///   observations of which x is the sum; `shape` and `rate` of the prior.
/// - Exact: everything. The posterior is Gamma(shape + x, rate + exposure); log p(x) is negative binomial.
/// - Cost: O(D) an evaluation.
public struct GammaPoisson: LatentModel, DifferentiableModel, FactorizedModel, LogPolynomialModel {
  public var dimensionOption = 1
  public var counts: [Double] = [5]
  public var exposure = 2.0
  public var shape = 2.0
  public var rate = 1.0

  private var gammas = IndependentGammas(shape: [1], rate: [1])
  private var posterior = IndependentGammas(shape: [1], rate: [1])
  private var poisson = LogPolynomial(dimension: 1)

  public init() {}

  public var dimension: Int { poisson.dimension }
  public var support: Support { .positive }
  public var prior: (any Prior)? { gammas }
  public var factorizedTerms: Terms { [.prior, .likelihood] }
  public var namedDistributions: [String: any Prior] { ["prior": gammas, "posterior": posterior] }

  /// log p(x) = log p(z) + log p(x | z) − log p(z | x), at any z: of each its constant.
  public var logEvidence: Double? {
    func sum(_ f: LogPolynomial) -> Double { f.constant.reduce(0, +) }
    return sum(gammas.logDensity) + sum(poisson) - sum(posterior.logDensity)
  }

  public func evaluate(_ needed: Quantities, at draws: borrowing Draws, into evaluation: inout Evaluation) {
    gammas.logDensity.store(.prior, needed, at: draws, into: &evaluation)
    poisson.store(.likelihood, needed, at: draws, into: &evaluation)
  }

  public func logPolynomial(of term: Term) -> LogPolynomial? {
    switch term {
    case .prior: gammas.logDensity
    case .likelihood: poisson
    default: nil
    }
  }
}

extension GammaPoisson: IntegrandSpecification {
  public static let descriptor = Descriptor<Self>(
    id: "gamma-poisson", summary: "Poisson counts with gamma rates, conjugate, everything exact",
    equation: "z_d ~ Gamma(shape, rate),  x_d | z_d ~ Poisson(exposure z_d)",
    notes: [
      Note("Exact", "ELBO and gradient under family gamma, evidence, posterior; points prior and posterior."),
      Note("Support", "positive z: family gamma, or another of that support."),
      Note("Serves", "values and gradients of prior and likelihood; both factorise over coordinates."),
    ],
    references: [Reference("gelman2013", "section 2.6")],
    options: [
      .integer("dimension", \.dimensionOption, in: 1...100_000, "D, the number of rates"),
      .reals(
        "counts", \.counts, in: RealBounds(lower: 0, upper: 1e9),
        "the data: one whole number for every rate, or D of them (3x0x7)"),
      .real("exposure", \.exposure, in: RealBounds(lower: 1e-6, upper: 1e6), "what rates are multiplied by"),
      .real("shape", \.shape, in: RealBounds(lower: 1e-3, upper: 1e6), "of the prior of every rate"),
      .real("rate", \.rate, in: RealBounds(lower: 1e-6, upper: 1e6), "of the prior of every rate"),
    ],
    examples: [Example(options: ["dimension": "2", "counts": "7x3"])])

  public func makeIntegrand() throws(ComponentError) -> any Integrand {
    let d = dimensionOption
    guard counts.count == 1 || counts.count == d else {
      throw ComponentError(option: "counts", "holds \(counts.count) numbers for dimension \(d); give one or \(d)")
    }
    guard counts.allSatisfy({ $0 == $0.rounded() }) else {
      throw ComponentError(option: "counts", "must be whole numbers")
    }
    let x = counts.count == 1 ? Array(repeating: counts[0], count: d) : counts
    func all(_ value: Double) -> [Double] { Array(repeating: value, count: d) }
    var model = self
    model.gammas = IndependentGammas(shape: all(shape), rate: all(rate))
    model.posterior = IndependentGammas(shape: x.map { shape + $0 }, rate: all(rate + exposure))
    model.poisson = LogPolynomial(
      dimension: d, constant: x.map { $0 * wb_log(exposure) - wb_log_gamma($0 + 1) }, linear: all(-exposure),
      logarithm: x)
    return model
  }
}
