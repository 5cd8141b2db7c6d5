public import GradientEstimation
public import Optimization
public import Randomness

/// Stochastic variational inference in the plain sense of black-box VI: every datum has a λ_n of its own, and a model of one z
/// one λ, that follows estimates of its gradient; θ does so too, where there is one.
///
///     λ_n += α N/M ĝ_n for n in the minibatch
public struct StochasticVariationalInference: LearningAlgorithm {
  public init() {}

  public static let descriptor = Descriptor<Self>(
    id: "svi",
    summary: "stochastic variational inference: a free λ for every datum, by stochastic gradients of a bound",
    equation: "λ_n += α N/M ∇_{λ_n} L(θ, λ_n; x_n),  θ += α N/M Σ_n ∇_θ L",
    notes: [
      Note("Takes", "family, objective, estimator, optimizer and K."),
      Note("Model", "any p(x, z); one of a single z has one λ and counts as one datum. Test data have no λ."),
    ],
    references: [Reference("ranganath2014", "algorithm 1"), Reference("hoffman2013", "section 2")])

  public var ingredients: Ingredients { [.family, .estimator, .optimizer, .samples] }

  public func check(_ problem: Problem) throws(EstimatorError) {
    guard problem.model is any LatentModel else { throw EstimatorError("needs a model p(x, z)") }
  }

  public func makeRule(
    _ setting: LearningSetting, random: inout RandomStream
  ) throws(EstimatorError) -> any LearningRule {
    let problem = setting.problem
    let network = FreeParameters(
      dataCount: problem.data.dataCount(.training), initial: problem.family.initialParameters)
    return try setting.makeAutoEncoding(network, random: &random)
  }
}
