public import GradientEstimation
public import Randomness

/// The exact gradient, by closed form or quadrature, where the model and family know it: a reference, not a Monte
/// Carlo estimator. Its variance is zero and it evaluates nothing at the draws.
///
/// Where a lane is a datum, it is the exact gradient in that datum's λ. What is left of the variance is then that of minibatches.
///
/// - Requires: a model and a family whose expectations are known; of a model of data with a latent variable each, those of
///   every datum, by closed form, quadrature or up to `Problem.datumStateLimit` states. Where they are not at some λ, as with a
///   quadrature that does not settle there, an estimate is not a number.
/// - Cost: no evaluations; the quadrature or sum over states is done for each batch, and there for each datum.
public struct ExactGradient: GradientEstimator {
  public init() {}

  public static let descriptor = Descriptor<Self>(
    id: "exact", summary: "the exact gradient where it is known, as a reference", equation: "∇_λ E_q[f(z)]",
    notes: [
      Note("Requires", "a model and a family whose expectations are known in closed form or by quadrature."),
      Note(
        "Data",
        "of a model of data with a latent variable each, the exact gradient in the λ of each datum of the minibatch: its variance is that of minibatches alone."
      ),
      Note("Bias", "none; it does not depend on the draws."),
      Note("Cost", "no evaluations at the draws."),
    ])

  public func requirements(samples: Int, of problem: Problem) throws(EstimatorError) -> Requirements {
    let start = problem.family.initialParameters
    if let model = problem.model as? any LocalLatentModel {
      try Self.checkStates(problem)
      // Data that are drawn are bits.
      let x =
        model.observationsAreDrawn ? Array(repeating: 0, count: model.observationDimension) : Self.firstDatum(model)
      guard let x, problem.exact(ofDatum: x, at: start, samples: samples) != nil else {
        throw EstimatorError("the exact gradient of a datum of this model is not known under this family and objective")
      }
    } else if problem.exact(at: start, samples: samples) == nil {
      throw EstimatorError("the exact gradient of this model is not known")
    }
    return Requirements(quantities: Quantities())
  }

  public func estimate(
    _ problem: Problem, _ block: borrowing DrawBlock, state: NoState, random: inout RandomStream,
    workspace: inout NoWorkspace, into gradients: inout MutableSpan<Double>
  ) {
    let shape = block.shape, observations = block.draws.observations, rows = observations.count / shape.lanes
    let isLocal = problem.hasLocalLatents, shared = block.draws.sharesParameters && !isLocal
    for lane in 0..<(shared ? 1 : shape.lanes) {
      let parameters =
        block.draws.sharesParameters
        ? block.draws.parameters : (0..<shape.parameters).map { block.draws.parameters[$0 * shape.lanes + lane] }
      let exact =
        isLocal
        ? problem.exact(
          ofDatum: (0..<rows).map { observations[$0 * shape.lanes + lane] }, at: parameters, samples: shape.samples)
        : problem.exact(at: parameters, samples: shape.samples)
      for p in 0..<shape.parameters {
        for target in shared ? 0..<shape.lanes : lane..<lane + 1 {
          gradients[p * shape.lanes + target] += exact?.gradient[p] ?? .nan
        }
      }
    }
  }

  private static func checkStates(_ problem: Problem) throws(EstimatorError) {
    guard let family = problem.family as? any EnumerableFamily else { return }
    guard let states = family.stateCount, states <= Problem.datumStateLimit else {
      throw EstimatorError(
        "the exact gradient of a datum goes through all states of its z, and \(Problem.datumStateLimit) are the most")
    }
  }

  private static func firstDatum(_ model: any LocalLatentModel) -> [Double]? {
    guard let generator = Generator.named(Generator.standardName), var random = try? RandomStream(generator, index: 1)
    else { return nil }
    var x = [Double](repeating: 0, count: model.observationDimension)
    var span = x.mutableSpan
    model.storeObservations(of: .training, [0], random: &random, into: &span)
    return x
  }
}
