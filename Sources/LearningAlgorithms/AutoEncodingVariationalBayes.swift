public import GradientEstimation
public import Optimization
public import Randomness

/// Auto-encoding variational Bayes: φ of an encoder (or one λ_n a datum where the model says so) and θ together, by stochastic
/// gradients of a bound. See `AutoEncoding`.
public struct AutoEncodingVariationalBayes: LearningAlgorithm {
  public init() {}

  public static let descriptor = Descriptor<Self>(
    id: "aevb", summary: "auto-encoding variational Bayes: encoder and model by stochastic gradients of a bound",
    equation: "(φ, θ) += α N/M Σ_n ∇_{φ,θ} L(θ, φ; x_n)",
    notes: [
      Note("Takes", "family, objective, estimator, optimizer and K."),
      Note("Model", "of data with a latent variable each; its option amortised chooses encoder or free λ_n."),
    ],
    references: [Reference("kingma2014", "algorithm 1 and equation (8)"), Reference("rezende2014")])

  public var ingredients: Ingredients { [.family, .estimator, .optimizer, .samples] }

  public func check(_ problem: Problem) throws(EstimatorError) { _ = try problem.localModel() }

  public func makeRule(
    _ setting: LearningSetting, random: inout RandomStream
  ) throws(EstimatorError) -> any LearningRule {
    let network = try setting.problem.localModel().inferenceNetwork(initial: setting.problem.family.initialParameters)
    return try setting.makeAutoEncoding(network, random: &random)
  }
}
