internal import CKernels
public import GradientEstimation

/// The smallest latent model, one bit and one observation:
///
///     z ~ Bernoulli(π),   x = 1,   p(x = 1 | z) = p_z
///
/// - Options: `prior` π; `one` p_1; `zero` p_0; `learn`: with `all`, θ holds the logits of the three in this order.
/// - Exact: everything. log p(x) = log(π p_1 + (1 − π) p_0).
public struct BinaryLatent: LearnableModel, RelaxableModel, LogPolynomialModel, MultilinearModel, IntegrandSpecification
{
  public var priorProbability = 0.5
  public var one = 0.9
  public var zero = 0.2
  public var learned = Learned.none
  public init() {}

  /// What θ is.
  public enum Learned: String, CaseIterable, Sendable { case none, all }

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

  public var modelParameterBlocks: [ParameterBlock] {
    learned == .none
      ? []
      : [ParameterBlock(name: "prior_logit", range: 0..<1), ParameterBlock(name: "likelihood_logit", range: 1..<3)]
  }
  public var modelParameters: [Double] {
    learned == .none ? [] : [priorProbability, one, zero].map { wb_log($0 / (1 - $0)) }
  }

  public func with(modelParameters: [Double]) -> BinaryLatent {
    guard learned != .none else { return self }
    var model = self
    (model.priorProbability, model.one) = (wb_sigmoid(modelParameters[0]), wb_sigmoid(modelParameters[1]))
    model.zero = wb_sigmoid(modelParameters[2])
    return model
  }

  /// Of log p(z) it is z − π; of log p_z, 1 − p_z in the logit of the z at hand.
  public func addModelGradient(
    weights: borrowing Span<Double>, at draws: borrowing Draws, _ evaluation: borrowing Evaluation,
    into gradients: inout MutableSpan<Double>
  ) {
    guard learned != .none else { return }
    let b = draws.shape.lanes
    for draw in 0..<draws.shape.drawCount {
      let (w, z, lane) = (weights[draw], draws.z[draw], draw % b)
      gradients[lane] += w * (z - priorProbability)
      gradients[b + lane] += w * z * (1 - one)
      gradients[2 * b + lane] += w * (1 - z) * (1 - zero)
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
      .choice(
        "learn", \.learned,
        "what is a parameter θ to learn: none; all, the logits of prior, one and zero, whose gradient is the block model_parameters"
      ),
    ],
    examples: [Example(options: ["learn": "all"])])

  public func makeIntegrand() throws(ComponentError) -> any Integrand {
    for (name, p) in [("one", one), ("zero", zero)] where learned != .none && p == 1 {
      throw ComponentError(option: name, "has no logit at 1; take less, or learn=none")
    }
    return self
  }
}
