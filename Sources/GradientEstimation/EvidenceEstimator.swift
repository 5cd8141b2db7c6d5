public import Randomness

/// A Monte Carlo estimator of log p_θ(x).
///
/// The laws: lanes do not mix; a lane's estimate is of log p(x) of its datum, or what the documentation says, with the
/// stated error.
public protocol EvidenceEstimator: Component {
  /// Whether it draws from q, whose λ must be given.
  var usesFamily: Bool { get }
  /// - Throws: `EstimatorError` naming what `problem` lacks.
  func check(_ problem: Problem, samples: Int) throws(EstimatorError)
  /// One estimate a lane.
  ///
  /// - Parameters:
  ///   - problem: with its model at θ. Of a `LocalLatentModel` each lane is a datum; of another all lanes are repetitions.
  ///   - data: x and λ of the lanes.
  ///   - samples: K
  func estimate(
    _ problem: Problem, _ data: LaneData, samples: Int, random: inout RandomStream
  ) throws(EstimatorError) -> [EvidenceEstimate]
}

/// What lanes are of, without draws.
public struct LaneData: Sendable {
  /// B
  public var lanes: Int
  /// λ, `[P × B]`, or `[P]` where all lanes share it; empty where no q is used.
  public var parameters: [Double]
  /// x, `[d × B]`; empty where the model knows its data itself.
  public var observations: [Double]

  public init(lanes: Int, parameters: [Double], observations: [Double] = []) {
    (self.lanes, self.parameters, self.observations) = (lanes, parameters, observations)
  }
}

/// An estimate of log p(x) with what it can say of itself.
public struct EvidenceEstimate: Hashable, Sendable {
  /// In nats.
  public var value: Double
  /// By the delta method, from the spread of what was averaged; nil where one number was.
  public var standardError: Double?
  /// The shape k̂ of the generalized Pareto distribution fitted to the upper tail of the weights; nil where there are too few
  /// draws; ∞ where one weight is more than e^700 times those that it should be compared with. Beyond ½ their variance is infinite, and beyond 0.7 neither the estimate nor its error is to be trusted (Vehtari
  /// et al. 2024).
  public var paretoShape: Double?
  /// The share of proposals of Markov chains that was accepted; nil without chains.
  public var acceptance: Double?
  /// Evaluations of the model, and of its gradient in z.
  public var evaluations, gradientEvaluations: Double

  public init(
    value: Double, standardError: Double? = nil, paretoShape: Double? = nil, acceptance: Double? = nil,
    evaluations: Double, gradientEvaluations: Double = 0
  ) {
    self.value = value
    self.standardError = standardError
    self.paretoShape = paretoShape
    self.acceptance = acceptance
    self.evaluations = evaluations
    self.gradientEvaluations = gradientEvaluations
  }
}
