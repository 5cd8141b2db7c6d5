public import GradientEstimation
public import Randomness

/// The exact gradient, by closed form or quadrature, where the model and family know it: a reference, not a Monte
/// Carlo estimator. Its variance is zero and it evaluates nothing at the draws.
///
/// - Requires: a model and a family whose expectations are known. Where they are not at some λ, as with a quadrature that
///   does not settle there, an estimate is not a number.
/// - Cost: no evaluations; the quadrature is done for each batch.
public struct ExactGradient: GradientEstimator {
  public init() {}

  public static let descriptor = Descriptor<Self>(
    id: "exact", summary: "the exact gradient where it is known, as a reference", equation: "∇_λ E_q[f(z)]",
    notes: [
      Note("Requires", "a model and a family whose expectations are known in closed form or by quadrature."),
      Note("Bias", "none; it does not depend on the draws."),
      Note("Cost", "no evaluations at the draws."),
    ])

  public func requirements(samples: Int, of problem: Problem) throws(EstimatorError) -> Requirements {
    guard problem.exact(at: problem.family.initialParameters, samples: samples) != nil else {
      throw EstimatorError("the exact gradient of this model is not known")
    }
    return Requirements(quantities: Quantities())
  }

  public func estimate(
    _ problem: Problem, _ block: borrowing DrawBlock, state: NoState, random: inout RandomStream,
    workspace: inout NoWorkspace, into gradients: inout MutableSpan<Double>
  ) {
    let shape = block.shape, shared = block.draws.sharesParameters
    for lane in 0..<(shared ? 1 : shape.lanes) {
      let parameters =
        shared ? block.draws.parameters : (0..<shape.parameters).map { block.draws.parameters[$0 * shape.lanes + lane] }
      let exact = problem.exact(at: parameters, samples: shape.samples)
      for p in 0..<shape.parameters {
        for target in shared ? 0..<shape.lanes : lane..<lane + 1 {
          gradients[p * shape.lanes + target] += exact?.gradient[p] ?? .nan
        }
      }
    }
  }
}
