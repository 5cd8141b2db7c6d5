public import GradientEstimation
public import Optimization
public import Randomness

/// The wake–sleep algorithm. Wake: z ~ q_φ(z | x) of the data, and θ climbs log p_θ(x, z). Sleep: (x, z) ~ p_θ, and φ climbs
/// log q_φ(z | x). The two climb different objectives: φ goes after KL(p ‖ q) under the model's own dreams, not after the bound.
///
/// Hinton, Dayan, Frey and Neal (1995); Kingma and Welling (2014), section 5, which compares with it.
public struct WakeSleep: LearningAlgorithm {
  public init() {}

  public static let descriptor = Descriptor<Self>(
    id: "wake-sleep", summary: "wake–sleep: θ by inferred latents of the data, φ by the model's own dreams",
    equation:
      "θ += α N/M Σ_n ∇_θ log p_θ(x_n, z_n), z_n ~ q_φ(z|x_n);  φ += α N/M Σ_m ∇_φ log q_φ(z_m|x_m), (x_m, z_m) ~ p_θ",
    notes: [
      Note("Takes", "family, optimizer and K, wake draws a datum; the objective is what bounds are evaluated of."),
      Note("Model", "of data with a latent variable each, with an encoder."),
      Note("Family", "one whose score is had at any z: mean-field-normal, full-rank-normal, or of bits."),
      Note("Cost", "K evaluations a datum awake and one, the dream, asleep."),
    ],
    references: [Reference("hinton1995"), Reference("kingma2014", "section 5")])

  public var ingredients: Ingredients { [.family, .optimizer, .samples] }

  public func check(_ problem: Problem) throws(EstimatorError) { try problem.checkDreams() }

  public func makeRule(
    _ setting: LearningSetting, random: inout RandomStream
  ) throws(EstimatorError) -> any LearningRule {
    try check(setting.problem)
    return try setting.makeWakeSleep(isReweighted: false, phase: .sleep, random: &random)
  }
}

/// Reweighted wake–sleep: K draws of q_φ(z | x) weighted by w̃_k ∝ p_θ(x, z_k)/q_φ(z_k | x), by which θ climbs log p_θ(x) and φ the
/// inclusive −KL(p_θ(z|x) ‖ q_φ), awake, asleep, or the mean of both. Bornschein and Bengio (2015).
public struct ReweightedWakeSleep: LearningAlgorithm {
  /// Where φ learns.
  public enum Phase: String, CaseIterable, Sendable { case wake, sleep, both }

  public var phase = Phase.both

  public init() {}

  public static let descriptor = Descriptor<Self>(
    id: "reweighted-wake-sleep", summary: "reweighted wake–sleep: wake–sleep with K importance-weighted draws",
    equation: "θ += α N/M Σ_n Σ_k w̃_nk ∇_θ log p_θ(x_n, z_nk);  φ += α N/M Σ_n Σ_k w̃_nk ∇_φ log q_φ(z_nk|x_n) (wake)",
    notes: [
      Note("Takes", "family, optimizer and K, wake draws a datum; the objective is what bounds are evaluated of."),
      Note("Model", "of data with a latent variable each, with an encoder."),
      Note("Bias", "of the self-normalised weights, which falls as 1/K; at K = 1 θ follows wake–sleep."),
      Note("Cost", "K evaluations a datum awake, and one, the dream, where φ learns asleep."),
    ],
    references: [Reference("bornschein2015"), Reference("le2019", "section 3")],
    options: [
      .choice(
        "phase", \.phase, "where φ learns: awake, by the weighted draws; asleep, by dreams; or by the mean of both")
    ])

  public var ingredients: Ingredients { [.family, .optimizer, .samples] }

  public func check(_ problem: Problem) throws(EstimatorError) {
    if phase == .wake { try problem.checkEncoder() } else { try problem.checkDreams() }
  }

  public func makeRule(
    _ setting: LearningSetting, random: inout RandomStream
  ) throws(EstimatorError) -> any LearningRule {
    try check(setting.problem)
    return try setting.makeWakeSleep(isReweighted: true, phase: phase, random: &random)
  }
}

extension Problem {
  fileprivate func checkEncoder() throws(EstimatorError) {
    guard try localModel().inferenceNetwork(initial: family.initialParameters).generalizes else {
      throw EstimatorError("needs an encoder, which λ of dreams come from: amortised=true")
    }
    guard sampling.drawsAreIndependent else {
      throw EstimatorError("is of independent draws: use sampling 'iid'")
    }
  }

  fileprivate func checkDreams() throws(EstimatorError) {
    try checkEncoder()
    guard family is any PointwiseFamily else {
      throw EstimatorError(
        "needs a family whose score is had at any z, as in dreams: mean-field-normal, full-rank-normal, or one of bits")
    }
  }

}

extension LearningSetting {
  fileprivate func makeWakeSleep(
    isReweighted: Bool, phase: ReweightedWakeSleep.Phase, random: inout RandomStream
  ) throws(EstimatorError) -> any LearningRule {
    let network = try problem.localModel().inferenceNetwork(initial: problem.family.initialParameters)
    guard let optimizer else { throw EstimatorError("needs an optimizer") }
    func open<O: Optimizer>(_ optimizer: O) -> any LearningRule {
      WakeSleepSteps(self, network, optimizer, isReweighted: isReweighted, phase: phase, random: &random)
    }
    return open(optimizer)
  }
}
