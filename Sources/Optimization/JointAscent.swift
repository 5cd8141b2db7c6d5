internal import CKernels
public import GradientEstimation
public import Randomness

/// φ of q and θ of a model, which one optimizer takes along their gradients: one parameter vector, φ first.
public final class JointAscent<O: Optimizer> {
  /// ∇_φ and then ∇_θ.
  private var gradient: [Double]
  private let networkCount: Int
  private let optimizer: O
  /// Updates of the whole training, that its step sizes are scheduled by.
  private let updates: Int

  public init(_ optimizer: O, networkCount: Int, modelCount: Int, updates: Int) {
    self.optimizer = optimizer
    self.updates = updates
    self.networkCount = networkCount
    gradient = Array(repeating: 0, count: networkCount + modelCount)
  }

  public var initialState: O.State { optimizer.initialState(parameterCount: gradient.count) }

  /// Sets both gradients to zero.
  public func clear() {
    gradient.withUnsafeMutableBufferPointer { $0.update(repeating: 0) }
  }

  /// ∇_φ += factor · Σ over the data of (∂λ_n/∂φ)ᵀ c_n, for cotangents c `[P × B]`, of `parameters`, φ first.
  public func addToNetwork(
    _ cotangents: [Double], factor: Double, parameters: [Double], through data: inout AmortizedBlock
  ) {
    gradient.withUnsafeMutableBufferPointer { gradient in
      var own = UnsafeMutableBufferPointer(rebasing: gradient[..<networkCount]).mutableSpan
      data.addPullback(cotangents, factor: factor, parameters: parameters, into: &own)
    }
  }

  /// ∇_θ += factor · Σ over lanes and draws of w_k ∇_θ log p_θ(x, z_k), with weights `[K × B]`; without, those of the
  /// objective.
  public func addToModel(
    _ problem: Problem, weights: [Double]? = nil, factor: Double, of block: borrowing DrawBlock
  ) {
    gradient.withUnsafeMutableBufferPointer { gradient in
      var own = UnsafeMutableBufferPointer(rebasing: gradient[networkCount...]).mutableSpan
      if let weights {
        problem.addTotalModelGradient(weights: weights.span, factor: factor, of: block, into: &own)
      } else {
        problem.addTotalModelGradient(factor: factor, of: block, into: &own)
      }
    }
  }

  /// Update `number`, from 0, along the gradients.
  ///
  /// - Returns: whether they are finite.
  public func update(_ parameters: inout [Double], _ state: inout O.State, number: Int) -> Bool {
    optimizer.update(
      &parameters, gradient: gradient, rate: optimizer.stepSize.rate(at: number, of: updates), state: &state)
    return gradient.areFinite
  }
}

extension [Double] {
  /// Whether all of them are, NaN being none.
  var areFinite: Bool { wb_all_finite(self, count) != 0 }
}

extension Problem {
  /// The same problem with its model at the θ that follow φ's `count` numbers in `parameters`.
  public func at(_ parameters: [Double], after count: Int) -> Problem {
    guard count < parameters.count, let model = model as? any LearnableModel else { return self }
    func moved<M: LearnableModel>(_ model: M) -> M { model.with(modelParameters: Array(parameters[count...])) }
    return with(model: moved(model))
  }

  /// The blocks of φ, then those of θ shifted behind them.
  public func parameterBlocks(after network: (any InferenceNetwork)?) -> [ParameterBlock] {
    let shift = network?.parameterCount ?? 0
    guard modelParameterCount > 0, let model = model as? any LearnableModel else {
      return network?.parameterBlocks ?? []
    }
    return (network?.parameterBlocks ?? [])
      + model.modelParameterBlocks.map {
        ParameterBlock(name: $0.name, range: $0.range.lowerBound + shift..<$0.range.upperBound + shift)
      }
  }

  /// The model, as one of data with a latent variable each.
  ///
  /// - Throws: `EstimatorError` if it is none.
  public func localModel() throws(EstimatorError) -> any LocalLatentModel {
    guard let local = model as? any LocalLatentModel else {
      throw EstimatorError("needs a model of data with a latent variable of its own each, such as 'vae'")
    }
    return local
  }

  /// The same problem where a training of it starts.
  public func initialized(random: inout RandomStream) -> Problem {
    guard let local = model as? any LocalLatentModel else { return self }
    return with(model: local.initialized(random: &random))
  }
}
