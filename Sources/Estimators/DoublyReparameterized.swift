public import GradientEstimation
public import Randomness

/// The doubly reparameterized gradient (DReG) of an objective of K draws: with φ of the log weights ℓ_k,
///
///     ĝ = Σ_k (φ_k − φ_kk) (∂z_k/∂λ)ᵀ ∇_z ℓ_k,   φ_k = ∂φ/∂ℓ_k,  φ_kk = ∂²φ/∂ℓ_k²
///
/// The score terms −Σ_k φ_k ∇_λ log q of the reparameterized gradient are reparameterized once more,
/// E[φ_k s_k] = E[φ_kk (∂z_k/∂λ)ᵀ ∇_z ℓ_k]. For the importance-weighted bound the weights are w̃_k², for the wake objective
/// w̃_k − w̃_k², for a Rényi bound v_k − (1 − α) v_k (1 − v_k).
///
/// - Requires: a reparameterizable family, ∇_z of the model, an objective of several draws.
/// - Bias: none.
/// - Variance: zero where q is the posterior. In the bound of K draws the signal-to-noise ratio rises as √K where that of the
///   reparameterized gradient falls as 1/√K.
/// - Cost: K evaluations and K gradient evaluations.
/// - Model parameters: their gradient has the weights φ_k, not these.
/// - Reference: Tucker, Lawson, Gu and Maddison (2019), equations (5)–(8).
public struct DoublyReparameterized: PathDerivativeEstimator {
  public init() {}

  public static let descriptor = Descriptor<Self>(
    id: "dreg", summary: "the doubly reparameterized gradient of objectives of several draws",
    equation: "Σ_k (φ_k − φ_kk) (∂z_k/∂λ)ᵀ ∇_z log w_k;  for iwae Σ_k w̃_k² (∂z_k/∂λ)ᵀ ∇_z log w_k",
    notes: [
      Note("Requires", "a reparameterizable family; ∇_z of the model; an objective of several draws."),
      Note("Bias", "none."),
      Note("Cost", "K evaluations and K gradient evaluations an estimate."),
      Note("Variance", "zero where q is the posterior; under iwae the signal-to-noise ratio rises as √K."),
    ],
    references: [Reference("tucker2019", "equations (5)–(8)"), Reference("rainforth2018")])

  public func requirements(samples: Int, of problem: Problem) throws(EstimatorError) -> Requirements {
    guard let objective = problem.multiSample else {
      throw EstimatorError("needs an objective of several draws, such as 'iwae'; of the ELBO it is stl")
    }
    try checkPathwise(problem)
    return boundRequirements(objective, samples, problem)
  }

  public func estimate(
    _ problem: Problem, _ block: borrowing DrawBlock, state: NoState, random: inout RandomStream,
    workspace: inout WeightedCotangents, into gradients: inout MutableSpan<Double>
  ) {
    guard let family = problem.family as? any ReparameterizableFamily, let objective = problem.multiSample else {
      return
    }
    let slopes = block.evaluation.slopes, curvatures = block.evaluation.curvatures
    let isGradient = objective.rule == .gradient
    for i in slopes.indices { workspace.weights[i] = isGradient ? slopes[i] - curvatures[i] : curvatures[i] }
    workspace.pull(problem, family, block, into: &gradients)
  }
}

/// One whose estimates of an objective of several draws are weighted path derivatives.
public protocol PathDerivativeEstimator: GradientEstimator where Workspace == WeightedCotangents {}

extension PathDerivativeEstimator {
  public func makeWorkspace(for problem: Problem, shape: Shape) throws(EstimatorError) -> WeightedCotangents {
    WeightedCotangents(problem.multiSample == nil ? nil : shape)
  }

  func boundRequirements(_ objective: any MultiSampleObjective, _ samples: Int, _ problem: Problem) -> Requirements {
    Requirements(
      quantities: .bounds(of: problem.terms, gradients: problem.terms), minimumSamples: objective.minimumSamples,
      evaluations: Double(samples) * problem.dataShare, gradientEvaluations: Double(samples) * problem.dataShare,
      claims: .zeroAtPosterior)
  }
}
