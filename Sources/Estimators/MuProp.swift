public import GradientEstimation
public import Randomness

/// MuProp: the score-function estimator of what the first-order Taylor polynomial h of f about the mean μ = E z leaves, and the
/// gradient of h, which is known,
///
///     ĝ = (1/K) Σ_k [f(z_k) − f(μ) − f′(μ)ᵀ(z_k − μ)] ∇_λ log q_λ(z_k) + f′(μ)ᵀ ∂μ/∂λ
///
/// h is linear, so that its score-function estimator has the expectation f′(μ)ᵀ ∂μ/∂λ whatever f is. Of an f that
/// depends on λ by its log q nothing is lost: E ∇_λ log q = 0.
///
/// - Requires: a model that can be evaluated and differentiated between its discrete points, a family of independent bits or one-hot
///   variables.
/// - Bias: none.
/// - Cost: K + 1 evaluations and one gradient.
/// - Reference: Gu, Levine, Sutskever and Mnih (2016), section 3.
public struct MuProp: GradientEstimator {
  public var split = Split.monteCarlo

  public init() {}
  public init(split: Split) { self.split = split }

  public static let descriptor = Descriptor<Self>(
    id: "muprop",
    summary: "score function of what a first-order Taylor polynomial about the mean leaves of f, and its gradient",
    equation: "(1/K) Σ_k [f(z_k) − f(μ) − f′(μ)ᵀ(z_k − μ)] ∇_λ log q_λ(z_k) + f′(μ)ᵀ ∂μ/∂λ,  μ = E z",
    notes: [
      Note(
        "Requires",
        "a model that can be evaluated and differentiated between its discrete points; a family of independent bits or one-hot variables."
      ),
      Note(
        "Bias",
        "none, however f goes on between its points. The λ in the log q of f adds nothing, E ∇ log q = 0, so that f is expanded at one λ."
      ),
      Note("Cost", "K + 1 evaluations an estimate and one gradient of the model, those at the mean of q."),
      Note(
        "Variance",
        "nothing where f is linear between its points. Of one bit and f(z) = (z − t)² it is p (1 − 3p)²/K with p = θ(1 − θ), whatever t: it does not help where Δ = f(1) − f(0) is small beside the curvature."
      ),
    ],
    references: [Reference("gu2016", "section 3")],
    options: [.choice("kl", \.split, "which part of the ELBO is taken in closed form")])

  public func requirements(samples: Int, of problem: Problem) throws(EstimatorError) -> Requirements {
    _ = try DiscreteCoordinates(of: problem.family)
    try problem.checkRelaxation()
    let sampled = try problem.sampledTerms(split)
    return Requirements(
      quantities: Quantities(values: sampled), evaluations: Double(samples + 1) * problem.dataShare,
      gradientEvaluations: problem.dataShare, claims: .meanOfDraws)
  }

  /// Scratch: a block whose draws are μ; logits, E z and its cotangents, `[D × B]`; the weights of the scores, `[K × B]`.
  public struct Workspace {
    let coordinates: DiscreteCoordinates
    let mean: OwnDraws
    var logits, slopes, weights, centers: [Double]
  }

  public func makeWorkspace(for problem: Problem, shape: Shape) throws(EstimatorError) -> Workspace {
    func room(_ count: Int) -> [Double] { Array(repeating: 0, count: count) }
    let count = shape.dimension * shape.lanes
    return Workspace(
      coordinates: try DiscreteCoordinates(of: problem.family),
      mean: OwnDraws(problem, problem.shape(samples: 1, lanes: shape.lanes)), logits: room(count), slopes: room(count),
      weights: room(shape.drawCount), centers: room(shape.parameters))
  }

  public func estimate(
    _ problem: Problem, _ block: borrowing DrawBlock, state: NoState, random: inout RandomStream,
    workspace: inout Workspace, into gradients: inout MutableSpan<Double>
  ) {
    guard let family = problem.family as? any LogitFamily else { return }
    let sampled = problem.terms.subtracting(split.closedForm)
    workspace.expand(sampled, of: problem, family, block)
    workspace.gatherWeights(sampled, block)
    family.addScore(
      weights: workspace.weights.span, centers: workspace.centers.span, at: block.draws, into: &gradients)
    workspace.coordinates.pullBack(
      &workspace.slopes, logits: workspace.logits, means: workspace.mean.block.draws.z, lanes: block.shape.lanes)
    family.addLogitPullback(workspace.slopes.span, at: block.draws, into: &gradients)
    family.addAnalyticGradient(
      of: problem.terms.intersection(split.closedForm), for: problem.model, at: block.draws, into: &gradients)
  }
}

extension MuProp.Workspace {
  /// Evaluates f and f′ at μ.
  fileprivate mutating func expand(
    _ sampled: Terms, of problem: Problem, _ family: any LogitFamily, _ block: borrowing DrawBlock
  ) {
    var room = logits.mutableSpan
    family.storeLogits(at: block.draws, into: &room)
    coordinates.storeMeans(of: logits, lanes: block.shape.lanes, into: &mean.block.draws.z)
    mean.takeParameters(block.draws)
    mean.takeData(block.draws)
    mean.block.evaluate(Quantities(values: sampled, gradients: sampled), of: problem)
    for i in slopes.indices { slopes[i] = 0 }
    for part in sampled.parts.members {
      let gradient = mean.block.evaluation.gradient(of: part)
      for i in slopes.indices { slopes[i] += gradient[i] }
    }
  }

  /// weights = [f(z) − f(μ) − f′(μ)ᵀ(z − μ)] / K
  fileprivate mutating func gatherWeights(_ sampled: Terms, _ block: borrowing DrawBlock) {
    let shape = block.shape, (d, b) = (shape.dimension, shape.lanes), z = block.draws.z
    for i in weights.indices { weights[i] = 0 }
    for term in sampled.members {
      let values = block.evaluation.values(of: term), center = mean.block.evaluation.values(of: term)
      for i in weights.indices { weights[i] += values[i] - center[i % b] }
    }
    for k in 0..<shape.samples {
      for i in 0..<d {
        for lane in 0..<b {
          let place = i * b + lane
          weights[k * b + lane] -= slopes[place] * (z[k * d * b + place] - mean.block.draws.z[place])
        }
      }
    }
    for i in weights.indices { weights[i] /= Double(shape.samples) }
  }
}
