public import GradientEstimation

/// f(z) = Σ_d log z_d, for positive z. Figurnov, Mohamed and Mnih (2018) and Naesseth et al. (2017) compare estimators of the
/// shape of a gamma on such costs.
public struct LogCost: CostFunction, DifferentiableModel, FactorizedModel, LogPolynomialModel, IntegrandSpecification {
  public var dimensionOption = 1
  private var polynomial = LogPolynomial(dimension: 1, logarithm: [1])
  public init() {}

  public static let descriptor = Descriptor<Self>(
    id: "log", summary: "the cost log z of positive z, for objective expectation", equation: "f(z) = Σ_d log z_d",
    notes: [Note("Exact", "under gamma, beta, dirichlet.")],
    references: [Reference("naesseth2017", "section 3")],
    options: [.integer("dimension", \.dimensionOption, in: 1...100_000, "D: the cost is summed over coordinates")],
    examples: [Example(), Example(options: ["dimension": "2"])])

  public var dimension: Int { dimensionOption }
  public var support: Support { .positive }
  public var factorizedTerms: Terms { .cost }
  public var sense: Sense { .minimize }

  public func makeIntegrand() throws(ComponentError) -> any Integrand {
    var cost = self
    cost.polynomial = LogPolynomial(
      dimension: dimension, logarithm: Array(repeating: 1, count: dimension))
    return cost
  }

  public func evaluate(_ needed: Quantities, at draws: borrowing Draws, into evaluation: inout Evaluation) {
    polynomial.store(.cost, needed, at: draws, into: &evaluation)
  }

  public func logPolynomial(of term: Term) -> LogPolynomial? { term == .cost ? polynomial : nil }
}
