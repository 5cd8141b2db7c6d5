/// An objective of K independent draws together,
///
///     E_{q_λ^K}[φ(ℓ_1, …, ℓ_K)],   ℓ_k = log p(x, z_k) − log q_λ(z_k)
///
/// the log weights. Its gradient in λ is
///
///     E[ φ Σ_k s_k − Σ_k φ_k s_k ],   s_k = ∇_λ log q_λ(z_k),  φ_k = ∂φ/∂ℓ_k
///
/// since E s_k = 0 but φ depends on λ through ℓ as well; and that in model parameters θ is E Σ_k φ_k ∇_θ log p(x, z_k). What it
/// estimates is the expectation of its K-draw form, whatever the limit of many draws is called.
public protocol MultiSampleObjective: Objective {
  /// The smallest K that φ is defined for.
  var minimumSamples: Int { get }
  /// Whether it is to be made small.
  var isMinimized: Bool { get }
  /// What λ follows.
  var rule: MultiSampleRule { get }
  /// φ of the log weights of one lane, `[K]`; stores φ_k and ∂²φ/∂ℓ_k², `[K]` each.
  func evaluate(
    _ logWeights: UnsafeBufferPointer<Double>, slopes: UnsafeMutableBufferPointer<Double>,
    curvatures: UnsafeMutableBufferPointer<Double>
  ) -> Double
}

public enum MultiSampleRule: Sendable {
  /// The gradient of E φ.
  case gradient
  /// E Σ_k φ_k s_k, which holds the weights fixed: that of an inclusive divergence, with φ_k the normalised weights.
  case weightedScore
}

extension MultiSampleObjective {
  public var minimumSamples: Int { 1 }
  public var isMinimized: Bool { false }
  public var rule: MultiSampleRule { .gradient }

  /// A bound on log p(x) wants a model.
  public func terms(for model: any Integrand) throws(EstimatorError) -> Terms {
    guard model is any LatentModel else {
      throw EstimatorError(
        "objectives of several draws need a model p(x, z), and this is a cost function: use 'expectation'")
    }
    return [.prior, .likelihood, .entropy]
  }

  /// Stores φ, φ_k and ∂²φ/∂ℓ_k² of every lane, from the values of the terms.
  func fill(_ evaluation: inout Evaluation, _ terms: Terms) {
    let (samples, lanes) = (evaluation.shape.samples, evaluation.shape.lanes)
    withUnsafeTemporaryAllocation(of: Double.self, capacity: 3 * samples) { memory in
      memory.initialize(repeating: 0)
      let weights = UnsafeMutableBufferPointer(rebasing: memory[..<samples])
      let slopes = UnsafeMutableBufferPointer(rebasing: memory[samples..<2 * samples])
      let curvatures = UnsafeMutableBufferPointer(rebasing: memory[(2 * samples)...])
      evaluation.sumUpLogWeights(of: terms)
      for lane in 0..<lanes {
        for k in 0..<samples { weights[k] = evaluation.logWeights[k * lanes + lane] }
        evaluation.bounds[lane] = evaluate(UnsafeBufferPointer(weights), slopes: slopes, curvatures: curvatures)
        for k in 0..<samples {
          evaluation.slopes[k * lanes + lane] = slopes[k]
          evaluation.curvatures[k * lanes + lane] = curvatures[k]
        }
      }
    }
  }
}
