import GradientEstimation
import Randomness

/// An estimator by a transformation z = h(ε, λ) whose noise keeps a dependence on λ, ε ~ π(ε; λ):
///
///     ĝ = (1/K) Σ_k [(∂h/∂λ)ᵀ ∇_z f + f ∇_λ log π(ε_k; λ) − ∇_λ log q_λ(z_k)]  + ∇_λ (closed-form terms)
///
/// where the last summand stands only where −log q is among the terms that are sampled.
protocol CorrectedReparameterization: GradientEstimator {
  var split: Split { get }
  var transformation: GeneralizedTransformation { get }
}

/// Scratch: f and its gradient in z over K, uniforms, and what adds the plain score.
public struct CorrectionWorkspace {
  var weights, cotangents, uniforms, ones, zeros: [Double]
}

extension CorrectedReparameterization {
  public func requirements(samples: Int, of problem: Problem) throws(EstimatorError) -> Requirements {
    guard let family = problem.family as? any GeneralizedReparameterizableFamily else {
      throw EstimatorError(
        "needs a family made of gammas, whose transformations with correction are known: gamma, beta, dirichlet")
    }
    guard problem.model is any DifferentiableModel else {
      throw EstimatorError("needs the gradient of the model in z")
    }
    let sampled = try problem.sampledTerms(split), cost = Double(samples) * problem.dataShare
    return Requirements(
      quantities: Quantities(values: sampled, gradients: sampled), evaluations: cost, gradientEvaluations: cost,
      usesRandomNumbers: family.uniformsPerNoise(of: transformation) > 0, claims: .meanOfDraws)
  }

  public func makeWorkspace(for problem: Problem, shape: Shape) throws(EstimatorError) -> CorrectionWorkspace {
    let family = problem.family as? any GeneralizedReparameterizableFamily
    let uniforms = family?.uniformsPerNoise(of: transformation) ?? 0
    return CorrectionWorkspace(
      weights: Array(repeating: 0, count: shape.drawCount), cotangents: Array(repeating: 0, count: shape.elementCount),
      uniforms: Array(repeating: 0, count: uniforms * shape.noiseCount),
      ones: Array(repeating: -1 / Double(shape.samples), count: shape.drawCount),
      zeros: Array(repeating: 0, count: shape.parameters))
  }

  public func estimate(
    _ problem: Problem, _ block: borrowing DrawBlock, state: NoState, random: inout RandomStream,
    workspace: inout CorrectionWorkspace, into gradients: inout MutableSpan<Double>
  ) {
    guard let family = problem.family as? any GeneralizedReparameterizableFamily else { return }
    let sampled = problem.terms.subtracting(split.closedForm), factor = 1 / Double(block.shape.samples)
    for i in workspace.weights.indices { workspace.weights[i] = 0 }
    for i in workspace.cotangents.indices { workspace.cotangents[i] = 0 }
    for term in sampled.members {
      let values = block.evaluation.values(of: term)
      for i in workspace.weights.indices { workspace.weights[i] += factor * values[i] }
    }
    for part in sampled.parts.members {
      let gradient = block.evaluation.gradient(of: part)
      for i in workspace.cotangents.indices { workspace.cotangents[i] += factor * gradient[i] }
    }
    if !workspace.uniforms.isEmpty {
      var uniforms = workspace.uniforms.mutableSpan
      random.fillOpenUniforms(&uniforms)
    }
    family.addGeneralizedGradient(
      transformation, cotangents: workspace.cotangents.span, weights: workspace.weights.span,
      uniforms: workspace.uniforms.span, at: block.draws, into: &gradients)
    if sampled.contains(.entropy) {
      family.addScore(
        weights: workspace.ones.span, centers: workspace.zeros.span, at: block.draws, into: &gradients)
    }
    problem.addClosedForm(split, at: block.draws, into: &gradients)
  }
}
