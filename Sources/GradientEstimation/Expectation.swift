/// The plain expectation E_{q_λ}[f(z)] of a cost function.
///
/// Mohamed, Rosca, Figurnov and Mnih (2020), equation (1).
public struct Expectation: Objective {
  public init() {}

  public static let descriptor = Descriptor<Self>(
    id: "expectation", summary: "the expectation of a cost function", equation: "E_q[f(z)]",
    references: [Reference("mohamed2020", "equation (1)")])

  public func terms(for model: any Integrand) throws(EstimatorError) -> Terms {
    guard model is any CostFunction else {
      throw EstimatorError("objective 'expectation' needs a cost function, and this is a model p(x, z): use 'elbo'")
    }
    return .cost
  }
}
