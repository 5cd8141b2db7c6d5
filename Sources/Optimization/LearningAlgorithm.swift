public import GradientEstimation
public import Randomness

/// An algorithm that learns from data: the λ of q, the parameters θ of a model, or both. A value is its configuration.
public protocol LearningAlgorithm: Component {
  /// What it is made of beside the model; nothing else of a spec has a part in it.
  var ingredients: Ingredients { get }
  /// - Throws: `EstimatorError` naming what the model or the family lacks; an estimator is checked on its own.
  func check(_ problem: Problem) throws(EstimatorError)
  /// The algorithm at work.
  ///
  /// - Parameter random: what initial parameters are drawn from.
  /// - Throws: `EstimatorError` as `check` does, and where the estimator cannot serve the problem.
  func makeRule(_ setting: LearningSetting, random: inout RandomStream) throws(EstimatorError) -> any LearningRule
}

/// What an algorithm may be made of.
public struct Ingredients: OptionSet, Hashable, Sendable {
  public let rawValue: UInt8
  public init(rawValue: UInt8) { self.rawValue = rawValue }

  /// A family, with the objective and the sampling scheme that go with it.
  public static let family = Ingredients(rawValue: 1)
  /// An estimator of gradients in λ.
  public static let estimator = Ingredients(rawValue: 2)
  public static let optimizer = Ingredients(rawValue: 4)
  /// K, draws a datum and step.
  public static let samples = Ingredients(rawValue: 8)
}

/// What there is to make a `LearningRule` of.
public struct LearningSetting: Sendable {
  public var problem: Problem
  /// K
  public var samples: Int
  public var estimator: (any GradientEstimator)?
  public var optimizer: (any Optimizer)?
  /// Passes over the data.
  public var epochs: Int
  /// Estimates of a datum's bound where it is evaluated.
  public var evaluationDraws: Int

  public init(
    problem: Problem, samples: Int, estimator: (any GradientEstimator)?, optimizer: (any Optimizer)?, epochs: Int,
    evaluationDraws: Int
  ) {
    precondition(samples > 0 && epochs > 0 && evaluationDraws > 0, "LearningSetting: counts must be positive")
    self.problem = problem
    self.samples = samples
    self.estimator = estimator
    self.optimizer = optimizer
    self.epochs = epochs
    self.evaluationDraws = evaluationDraws
  }

  /// Steps of an epoch of minibatches; the last takes what is left of the data.
  public var stepsPerEpoch: Int {
    let data = problem.data
    return (data.dataCount(.training) + data.minibatch - 1) / data.minibatch
  }
}

/// A `LearningAlgorithm` at work on one problem. It holds scratch, and nothing that a later step needs: that is the
/// parameters and the state, which the run owns and checkpoints.
public protocol LearningRule: AnyObject {
  /// What it remembers beside the parameters.
  associatedtype State: Codable & Sendable
  /// What the parameters are, in order and without gaps: φ of q, then θ.
  var parameterBlocks: [ParameterBlock] { get }
  /// Where learning starts.
  var start: (parameters: [Double], state: State) { get }
  /// Data of a step.
  var dataPerStep: Int { get }
  /// Makes λ of data; nil where there is no q.
  var network: (any InferenceNetwork)? { get }
  /// The problem with its model at the θ of `parameters`.
  func problem(at parameters: [Double]) -> Problem
  /// Learns from the data of those indices.
  ///
  /// - Parameter number: steps before it.
  /// - Throws: `EstimatorError` if scratch cannot be made.
  func step(
    _ indices: [Int32], number: Int, parameters: inout [Double], state: inout State, streams: inout EpochStreams
  ) throws(EstimatorError) -> LearningStep
  /// What is known of how good `parameters` are.
  func bounds(at parameters: [Double], random: inout RandomStream) -> LearningBounds
}

/// What a step says of itself.
public struct LearningStep: Hashable, Sendable {
  /// The objective at the step's draws, before it; a mean over its data.
  public var bound: Double?
  /// Evaluations of the model, one reading all data once; and of its gradient in z.
  public var evaluations, gradientEvaluations: Double
  /// Whether all that was made of the data is finite.
  public var isFinite: Bool

  public init(bound: Double?, evaluations: Double, gradientEvaluations: Double = 0, isFinite: Bool = true) {
    self.bound = bound
    self.evaluations = evaluations
    self.gradientEvaluations = gradientEvaluations
    self.isFinite = isFinite
  }
}

/// What is known of parameters, means over the data of a part; nil where it is not known.
public struct LearningBounds: Hashable, Sendable {
  public var train, test: DatumBound?
  /// Of the data to train on: the bound, and log p(x), in closed form.
  public var exact, logEvidence: Double?

  public init(
    train: DatumBound? = nil, test: DatumBound? = nil, exact: Double? = nil, logEvidence: Double? = nil
  ) {
    (self.train, self.test, self.exact, self.logEvidence) = (train, test, exact, logEvidence)
  }
}

/// The random numbers of one epoch. What is drawn in it belongs to it alone: a training goes on from the end of an epoch as
/// if it had never stopped.
public struct EpochStreams: ~Copyable {
  public var order, draws, estimator, evaluation: RandomStream

  public init(
    order: consuming RandomStream, draws: consuming RandomStream, estimator: consuming RandomStream,
    evaluation: consuming RandomStream
  ) {
    self.order = order
    self.draws = draws
    self.estimator = estimator
    self.evaluation = evaluation
  }
}
