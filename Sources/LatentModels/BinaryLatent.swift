internal import CKernels
public import GradientEstimation

/// The smallest latent model, one bit and one observation:
///
///     z ~ Bernoulli(π),   x = 1,   p(x = 1 | z) = p_z
///
/// - Options: `prior` π; `one` p_1; `zero` p_0.
/// - Exact: everything. log p(x) = log(π p_1 + (1 − π) p_0).
public struct BinaryLatent: LatentModel, RelaxableModel, LogPolynomialModel, IntegrandSpecification {
  public var priorProbability = 0.5
  public var one = 0.9
  public var zero = 0.2
  public init() {}

  public var dimension: Int { 1 }
  public var support: Support { .binary }
  private var priorLogit: Double { wb_log(priorProbability / (1 - priorProbability)) }
  private var bernoulli: IndependentBernoullis { IndependentBernoullis(logit: [priorLogit]) }
  public var prior: (any Prior)? { bernoulli }
  public var logEvidence: Double? { wb_log(priorProbability * one + (1 - priorProbability) * zero) }
  public var namedDistributions: [String: any Prior] {
    ["prior": bernoulli, "posterior": IndependentBernoullis(logit: [priorLogit + wb_log(one / zero)])]
  }

  /// log p(x | z), linear in z.
  private var likelihood: LogPolynomial {
    LogPolynomial(dimension: 1, constant: [wb_log(zero)], linear: [wb_log(one / zero)])
  }

  public func evaluate(_ needed: Quantities, at draws: borrowing Draws, into evaluation: inout Evaluation) {
    bernoulli.logDensity.store(.prior, needed, at: draws, into: &evaluation)
    likelihood.store(.likelihood, needed, at: draws, into: &evaluation)
  }

  public func logPolynomial(of term: Term) -> LogPolynomial? {
    switch term {
    case .prior: bernoulli.logDensity
    case .likelihood: likelihood
    default: nil
    }
  }

  public static let descriptor = Descriptor<Self>(
    id: "binary-latent", summary: "one bit and one observation of it, everything exact",
    equation: "z ~ Bernoulli(π),  x = 1,  p(x = 1 | z) = p_z",
    notes: [
      Note("Exact", "ELBO and gradient, evidence, posterior; points prior and posterior."),
      Note("Support", "z of 0 and 1; relaxed to [0, 1], log p is linear in z."),
    ],
    options: [
      .real("prior", \.priorProbability, in: RealBounds(lower: 1e-6, upper: 1 - 1e-6), "π, of z = 1"),
      .real("one", \.one, in: RealBounds(lower: 1e-6, upper: 1), "p_1, of x = 1 where z = 1"),
      .real("zero", \.zero, in: RealBounds(lower: 1e-6, upper: 1), "p_0, of x = 1 where z = 0"),
    ],
    examples: [Example()])

  public func makeIntegrand() throws(ComponentError) -> any Integrand { self }
}
