/// A model with parameters θ to learn, p_θ(x, z).
///
/// Conformers stay immutable: another θ is another value, which shares its data.
public protocol LearnableModel: LatentModel {
  /// The parts of θ in order; empty where everything is a constant.
  var modelParameterBlocks: [ParameterBlock] { get }
  /// θ, `[Q]`.
  var modelParameters: [Double] { get }
  /// The same model at another θ, `[Q]`.
  func with(modelParameters: [Double]) -> Self
  /// Adds Σ_k w_k ∇_θ log p_θ(x, z_k) of each lane to `gradients`, `[Q × B]`, from weights `[K × B]`; of a minibatch with its
  /// weights. `evaluation` holds `modelGradientQuantities`.
  func addModelGradient(
    weights: borrowing Span<Double>, at draws: borrowing Draws, _ evaluation: borrowing Evaluation,
    into gradients: inout MutableSpan<Double>)
  /// What must be computed at the draws before; nothing by default.
  var modelGradientQuantities: Quantities { get }
}

extension LearnableModel {
  public var modelGradientQuantities: Quantities { Quantities() }
}

extension Problem {
  /// The same problem of another model, of the same dimension and terms.
  public func with(model: any Integrand) -> Problem {
    var other = self
    other.model = model
    return other
  }

  /// Q, how many parameters the model has to learn.
  public var modelParameterCount: Int {
    guard multiSample != nil || terms.contains(.likelihood), let model = model as? any LearnableModel else { return 0 }
    return model.modelParameters.count
  }

  /// What must be computed at the draws before `storeModelGradient`.
  public var modelGradientQuantities: Quantities {
    guard modelParameterCount > 0, let model = model as? any LearnableModel else { return Quantities() }
    return multiSample == nil ? model.modelGradientQuantities : .bounds(of: terms).union(model.modelGradientQuantities)
  }

  /// Stores an estimate of ∇_θ of the objective for each lane in `gradients`, `[Q × B]`:
  ///
  ///     Σ_k φ_k ∇_θ log p_θ(x, z_k)
  ///
  /// with φ_k = ∂φ/∂ℓ_k the objective's own slopes, 1/K where it is a mean over draws, whatever the rule in λ makes of them:
  /// the expectation of these is the gradient in θ, for the draws do not depend on it.
  public func storeModelGradient(_ block: borrowing DrawBlock, into gradients: inout [Double]) {
    guard let model = model as? any LearnableModel else { return }
    for i in gradients.indices { gradients[i] = 0 }
    var rows = gradients.mutableSpan
    if multiSample != nil {
      model.addModelGradient(weights: block.evaluation.slopes.span, at: block.draws, block.evaluation, into: &rows)
      return
    }
    let (draws, share) = (block.shape.drawCount, 1 / Double(block.shape.samples))
    withUnsafeTemporaryAllocation(of: Double.self, capacity: draws) { weights in
      weights.initialize(repeating: share)
      model.addModelGradient(weights: weights.span, at: block.draws, block.evaluation, into: &rows)
    }
  }
}
