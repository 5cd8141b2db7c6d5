internal import CKernels
public import GradientEstimation

/// A mixture of normals of one dimension, by the assignments of its data:
///
///     z_n ~ Categorical(probability),   x_n | z_n = e_c ~ N(mean_c, scale²),   n = 1 … N
///
/// z is one-hot, datum by datum: D = N C.
///
/// - Options: `x`, N numbers; `mean`, C numbers; `scale`; `probability`, C numbers that are scaled to add up to 1, or one for
///   equal ones; `learn`: with `means`, θ holds the C means.
/// - Exact: everything. The assignments are independent given x, so that `categorical` contains the posterior, and
///   log p(x) = Σ_n log Σ_c π_c N(x_n; mean_c, scale²).
/// - Relaxed to the simplex, log p is linear in z.
/// - Reference: Bishop (2006), section 9.2.
public struct GaussianMixture: LearnableModel, RelaxableModel, LogPolynomialModel, MultilinearModel {
  public var x: [Double] = [-1.2, 0.3, 2.1]
  public var means: [Double] = [-1, 0, 2]
  public var scale = 0.8
  public var probability: [Double] = [1]
  public var learned = Learned.none

  /// What θ is.
  public enum Learned: String, CaseIterable, Sendable { case none, means }

  private var assignments = IndependentCategoricals(logProbability: [], categories: 1)
  private var likelihood = LogPolynomial(dimension: 0)

  public init() {}

  public var dimension: Int { likelihood.dimension }
  public var support: Support { .oneHot(categories: means.count) }
  public var prior: (any Prior)? { assignments }

  /// log Σ_c π_c N(x_n; mean_c, scale²) of each datum.
  private var logMarginals: [Double] {
    let joint = zip(assignments.logProbability, likelihood.linear).map { $0 + $1 }, c = means.count
    return x.indices.map { n in
      let row = joint[n * c..<(n + 1) * c], greatest = row.max() ?? 0
      return greatest + wb_log(row.reduce(0) { $0 + wb_exp($1 - greatest) })
    }
  }

  public var logEvidence: Double? { logMarginals.reduce(0, +) }

  public var namedDistributions: [String: any Prior] {
    let marginals = logMarginals, c = means.count
    let posterior = (0..<dimension).map { assignments.logProbability[$0] + likelihood.linear[$0] - marginals[$0 / c] }
    return ["prior": assignments, "posterior": IndependentCategoricals(logProbability: posterior, categories: c)]
  }

  public func evaluate(_ needed: Quantities, at draws: borrowing Draws, into evaluation: inout Evaluation) {
    assignments.logDensity.store(.prior, needed, at: draws, into: &evaluation)
    likelihood.store(.likelihood, needed, at: draws, into: &evaluation)
  }

  public func logPolynomial(of term: Term) -> LogPolynomial? {
    switch term {
    case .prior: assignments.logDensity
    case .likelihood: likelihood
    default: nil
    }
  }

  public var modelParameterBlocks: [ParameterBlock] {
    learned == .none ? [] : [ParameterBlock(name: "mean", range: means.indices)]
  }
  public var modelParameters: [Double] { learned == .none ? [] : means }

  public func with(modelParameters: [Double]) -> GaussianMixture {
    guard learned != .none else { return self }
    var model = self
    model.means = modelParameters
    model.likelihood = model.logDensities()
    return model
  }

  public func addModelGradient(
    weights: borrowing Span<Double>, at draws: borrowing Draws, _ evaluation: borrowing Evaluation,
    into gradients: inout MutableSpan<Double>
  ) {
    guard learned != .none else { return }
    let (k, c, b, precision) = (draws.shape.samples, means.count, draws.shape.lanes, 1 / (scale * scale))
    for sample in 0..<k {
      for d in 0..<dimension {
        let row = (sample * dimension + d) * b, slope = (x[d / c] - means[d % c]) * precision
        for lane in 0..<b {
          gradients[d % c * b + lane] += weights[sample * b + lane] * (draws.z[row + lane] * slope)
        }
      }
    }
  }

  /// log N(x_n; mean_c, scale²) as coefficients of z_nc.
  private func logDensities() -> LogPolynomial {
    let precision = 1 / (scale * scale), constant = 0.5 * (wb_log(precision) - logTwoPi)
    let linear = x.flatMap { x in means.map { constant - 0.5 * precision * ((x - $0) * (x - $0)) } }
    return LogPolynomial(dimension: linear.count, linear: linear)
  }
}

extension GaussianMixture: IntegrandSpecification {
  public static let descriptor = Descriptor<Self>(
    id: "gaussian-mixture", summary: "a mixture of normals by the assignments of its data, everything exact",
    equation: "z_n ~ Categorical(probability),  x_n | z_n = e_c ~ N(mean_c, scale²)",
    notes: [
      Note(
        "Exact", "ELBO and gradient, evidence, posterior, which `categorical` contains; points prior and posterior."),
      Note("Support", "one-hot z, datum by datum: D = N × C; relaxed to the simplex, log p is linear in z."),
    ],
    references: [Reference("bishop2006", "section 9.2")],
    options: [
      .reals("x", \.x, in: .any, "the data, such as -1.2x0.3x2.1"),
      .reals("mean", \.means, in: .any, "of each component; at least two"),
      .real("scale", \.scale, in: RealBounds(lower: 1e-6, upper: 1e6), "standard deviation of the components"),
      .reals(
        "probability", \.probability, in: RealBounds(lower: 1e-12, upper: 1e12),
        "of the components, up to a factor; one number for equal ones"),
      .choice(
        "learn", \.learned,
        "what is a parameter θ to learn: none; means, whose gradient is the block model_parameters"),
    ],
    examples: [
      Example(options: ["x": "-1.2x0.7", "probability": "1x2x1", "learn": "means"], points: ["initial", "prior"])
    ])

  public func makeIntegrand() throws(ComponentError) -> any Integrand {
    guard means.count > 1 else { throw ComponentError(option: "mean", "holds one number; a mixture has two or more") }
    guard probability.count == 1 || probability.count == means.count else {
      throw ComponentError(
        option: "probability",
        "holds \(probability.count) numbers for \(means.count) components; give one or \(means.count)")
    }
    var model = self
    let shares = probability.count == 1 ? means.map { _ in 1 } : probability, total = shares.reduce(0, +)
    model.assignments = IndependentCategoricals(
      logProbability: x.flatMap { _ in shares.map { wb_log($0 / total) } }, categories: means.count)
    model.likelihood = model.logDensities()
    return model
  }
}
