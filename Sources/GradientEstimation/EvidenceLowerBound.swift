/// The evidence lower bound, ELBO(λ) = E_{q_λ}[log p(x, z) − log q_λ(z)] ≤ log p(x).
public struct EvidenceLowerBound: Objective {
  public init() {}

  public static let descriptor = Descriptor<Self>(
    id: "elbo", summary: "the evidence lower bound", equation: "E_q[log p(x,z) − log q(z)]",
    references: [Reference("jordan1999"), Reference("kingma2014", "equation (2)")])

  public func terms(for model: any Integrand) throws(EstimatorError) -> Terms {
    guard model is any LatentModel else {
      throw EstimatorError("objective 'elbo' needs a model p(x, z), and this is a cost function: use 'expectation'")
    }
    return [.prior, .likelihood, .entropy]
  }
}
