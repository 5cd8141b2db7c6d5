public import Randomness

/// A Monte Carlo estimator of ∇_λ of an objective.
///
/// The laws:
/// - each lane of `gradients` is one estimate, a function of that lane's draws alone (lanes never mix);
/// - its expectation is the gradient of the objective, or what `Requirements.bias` says;
/// - `estimate` neither throws nor allocates; same block, state and stream, same bits;
/// - state changes in `adapt` alone, between batches: an estimate never depends on its own draws through state.
public protocol GradientEstimator: Component {
  /// Adaptive state: a running baseline, a learned surrogate. Owned and checkpointed by the harness.
  associatedtype State: Codable & Sendable = NoState
  /// Scratch for one task.
  associatedtype Workspace = NoWorkspace

  /// What it needs for K = `samples` draws an estimate.
  ///
  /// - Throws: `EstimatorError` naming what `problem` lacks.
  func requirements(samples: Int, of problem: Problem) throws(EstimatorError) -> Requirements
  /// This estimator as it is known for `problem`: where two configurations coincide there draw by draw, the plainer.
  func canonical(for problem: Problem) -> Self
  /// The state at λ `[P]` before any adaptation.
  func initialState(for problem: Problem, parameters: [Double]) -> State
  /// How `state` is brought up before a measurement at fixed λ; nil if there is nothing to bring up: then the state is
  /// a function of λ alone, and an optimisation asks for it anew at each λ.
  func warmUp(for state: State) -> WarmUp?
  func makeWorkspace(for problem: Problem, shape: Shape) throws(EstimatorError) -> Workspace
  /// Adds one estimate a lane to zeroed `gradients`, `[P × B]`, replicate fastest.
  func estimate(
    _ problem: Problem, _ block: borrowing DrawBlock, state: State, random: inout RandomStream,
    workspace: inout Workspace, into gradients: inout MutableSpan<Double>)
  /// The expectation of one estimate, `[P]`, at λ `[P]`: of a biased estimator that knows it. The default does not.
  func expectedGradient(of problem: Problem, samples: Int, parameters: [Double]) -> [Double]?
  /// Changes the state after a batch that has been estimated, from its draws.
  func adapt(_ state: inout State, problem: Problem, block: borrowing DrawBlock, workspace: inout Workspace)
}

/// For estimators that learn nothing.
public struct NoState: Codable, Hashable, Sendable {
  public init() {}
}

/// For estimators that need no scratch.
public struct NoWorkspace: Hashable, Sendable {
  public init() {}
}

extension GradientEstimator {
  public func canonical(for problem: Problem) -> Self { self }
  public func warmUp(for state: State) -> WarmUp? { nil }
  public func expectedGradient(of problem: Problem, samples: Int, parameters: [Double]) -> [Double]? { nil }
  public func adapt(
    _ state: inout State, problem: Problem, block: borrowing DrawBlock, workspace: inout Workspace
  ) {}
}

extension GradientEstimator where State == NoState {
  public func initialState(for problem: Problem, parameters: [Double]) -> NoState { NoState() }
}

extension GradientEstimator where Workspace == NoWorkspace {
  public func makeWorkspace(for problem: Problem, shape: Shape) throws(EstimatorError) -> NoWorkspace {
    NoWorkspace()
  }
}

/// What an estimator needs and what it costs, for one problem and K.
public struct Requirements: Hashable, Sendable {
  /// What must be computed at the block's draws.
  public var quantities: Quantities
  /// The smallest K that it is defined for.
  public var minimumSamples: Int
  public var bias: Bias
  /// Model evaluations of one estimate; one reads all data once.
  public var evaluations: Double
  /// Gradients of the model in z of one estimate.
  public var gradientEvaluations: Double
  /// What one `adapt` takes beside, which every step of an optimization does.
  public var learningEvaluations, learningGradientEvaluations: Double
  /// Whether it draws random numbers of its own.
  public var usesRandomNumbers: Bool
  /// Whether the K draws must be independent.
  public var needsIndependentDraws: Bool
  /// What it promises beside its expectation; `EstimatorConformance` holds it to that.
  public var claims: Claims

  public init(
    quantities: Quantities, minimumSamples: Int = 1, bias: Bias = .unbiased, evaluations: Double = 0,
    gradientEvaluations: Double = 0, learningEvaluations: Double = 0, learningGradientEvaluations: Double = 0,
    usesRandomNumbers: Bool = false,
    needsIndependentDraws: Bool = false, claims: Claims = []
  ) {
    self.quantities = quantities
    self.minimumSamples = minimumSamples
    self.bias = bias
    self.evaluations = evaluations
    self.gradientEvaluations = gradientEvaluations
    self.learningEvaluations = learningEvaluations
    self.learningGradientEvaluations = learningGradientEvaluations
    self.usesRandomNumbers = usesRandomNumbers
    self.needsIndependentDraws = needsIndependentDraws
    self.claims = claims
  }
}

/// What an estimator promises of its variance.
public struct Claims: OptionSet, Hashable, Sendable {
  public let rawValue: UInt8
  public init(rawValue: UInt8) { self.rawValue = rawValue }

  /// It is the mean over its K draws of a function of each: with independent draws and all data its variance falls as
  /// 1/K.
  public static let meanOfDraws = Claims(rawValue: 1)
  /// Every estimate is zero where q is the posterior, with all data.
  public static let zeroAtPosterior = Claims(rawValue: 2)
}

public enum Bias: Hashable, Sendable {
  case unbiased
  /// What its expectation is instead.
  case biased(String)
}

/// At a fixed λ, adaptive state is brought up on a stream of its own, `batches` batches of `lanes` estimates, and
/// then frozen: the figures are conditional on it.
public struct WarmUp: Hashable, Sendable {
  public let lanes: Int
  public let batches: Int
  public init(lanes: Int, batches: Int) {
    self.lanes = lanes
    self.batches = batches
  }
}
