public import GradientEstimation
public import Randomness

/// What a run of gradient ascent on an objective does, and how often it is looked at.
public struct GradientAscent: Hashable, Sendable {
  /// K, draws a step.
  public var samples: Int
  /// T
  public var steps: Int
  /// The objective is evaluated at step 0, at every multiple of this, and at the end.
  public var evaluateEvery: Int
  /// Fresh draws of an evaluation.
  public var evaluationDraws: Int
  /// Steps whose λ is kept.
  public var savedSteps: Set<Int>
  public var convergenceRule: ConvergenceRule?

  /// An objective beyond this is as good as not finite.
  static let beyond = 1e100

  public init(
    samples: Int, steps: Int, evaluateEvery: Int, evaluationDraws: Int = 1000, savedSteps: Set<Int> = [],
    convergenceRule: ConvergenceRule? = nil
  ) {
    precondition(
      samples > 0 && steps > 0 && evaluateEvery > 0 && evaluationDraws > 1, "GradientAscent: counts must be positive")
    self.samples = samples
    self.steps = steps
    self.evaluateEvery = evaluateEvery
    self.evaluationDraws = evaluationDraws
    self.savedSteps = savedSteps
    self.convergenceRule = convergenceRule
  }
}

/// The random numbers of one run. Evaluations have a stream of their own, so that looking more often changes no step.
public struct RunStreams: ~Copyable {
  public var draws, minibatches, estimator, evaluation: RandomStream

  public init(
    draws: consuming RandomStream, minibatches: consuming RandomStream, estimator: consuming RandomStream,
    evaluation: consuming RandomStream
  ) {
    self.draws = draws
    self.minibatches = minibatches
    self.estimator = estimator
    self.evaluation = evaluation
  }
}

/// How a run stands at a row of its curve.
public enum RunStatus: String, Sendable {
  case running
  /// All steps were done.
  case finished
  /// The stopping rule was met.
  case converged
  /// A gradient, a parameter or the objective (the exact one where it is known) was not finite, or the objective beyond
  /// 10¹⁰⁰; the run ended there.
  case diverged
  /// The run was broken off from outside.
  case interrupted
}

/// The objective at a step of a run.
public struct CurvePoint: Hashable, Sendable {
  /// Steps done.
  public let step: Int
  /// The objective estimated on fresh draws, with its Monte Carlo standard error; nil where λ is not finite.
  public let value: Double?
  public let mcse: Double?
  /// The exact objective, where it is known.
  public let exact: Double?
  public internal(set) var status: RunStatus
}

/// One run: the curve, and λ at the steps that were to be kept.
public struct Curve: Sendable {
  public internal(set) var points: [CurvePoint] = []
  public internal(set) var saved: [(step: Int, parameters: [Double])] = []
  /// λ at the end, `[P]`.
  public internal(set) var end: [Double] = []
  public var status: RunStatus { points.last?.status ?? .interrupted }
}

extension GradientAscent {
  /// Ascends from λ `[P]` (descends where the objective is minimised) and records the curve.
  ///
  /// The estimator's adaptive state is carried along: it changes after each step, from that step's draws. A state that
  /// does not adapt is a function of λ, and is made anew at each step.
  ///
  /// - Parameter goOn: asked before each step; false ends the run with status `interrupted`.
  /// - Throws: `EstimatorError` if the estimator cannot make its workspace, or the sampling scheme not its draws.
  public func run<E: GradientEstimator, O: Optimizer>(
    _ problem: Problem, _ estimator: E, _ optimizer: O, from start: [Double], streams: consuming RunStreams,
    goOn: (_ step: Int) -> Bool
  ) throws(EstimatorError) -> Curve {
    let ascent = try Ascent(self, problem, estimator, optimizer, from: start, streams: streams)
    var evaluation = ObjectiveEvaluation(of: problem, draws: evaluationDraws, samples: samples)
    var curve = Curve()
    var estimates: [(value: Double, mcse: Double)] = []
    for step in 0...steps {
      if savedSteps.contains(step) { curve.saved.append((step, ascent.reported)) }
      if step % evaluateEvery == 0 || step == steps {
        let estimate = evaluation.estimate(at: ascent.reported, random: &ascent.streams.evaluation)
        let exact = problem.exact(at: ascent.reported, samples: samples)?.value
        estimates.append(estimate)
        let isLost = !((exact ?? estimate.value).magnitude <= Self.beyond)
        let isConverged = convergenceRule?.isMet(by: estimates) ?? false
        curve.points.append(
          CurvePoint(
            step: step, value: estimate.value, mcse: estimate.mcse, exact: exact,
            status: isLost ? .diverged : step == steps ? .finished : isConverged ? .converged : .running))
        if isLost { break }
        if isConverged {
          // What a run ends with is kept, whenever it ends.
          if !savedSteps.isEmpty, !savedSteps.contains(step) { curve.saved.append((step, ascent.reported)) }
          break
        }
      }
      guard step < steps else { break }
      guard goOn(step) else {
        curve.end(at: step, .interrupted)
        break
      }
      guard ascent.advance() else {
        curve.end(at: step + 1, .diverged)
        break
      }
    }
    curve.end = ascent.reported
    return curve
  }
}

extension Curve {
  /// Ends the curve at a step where there is nothing to evaluate.
  mutating func end(at step: Int, _ status: RunStatus) {
    if let last = points.last, last.step == step {
      points[points.count - 1].status = status
    } else {
      points.append(CurvePoint(step: step, value: nil, mcse: nil, exact: nil, status: status))
    }
  }
}

/// A run under way: λ, the optimizer's and the estimator's state, and the buffers of a step.
final class Ascent<E: GradientEstimator, O: Optimizer> {
  private let problem: Problem
  private let estimator: E
  private let optimizer: O
  private let quantities: Quantities
  private let steps: Int
  /// +1 to ascend, −1 to descend.
  private let direction: Double
  /// Whether the estimator's state is a function of λ that must be made anew.
  private let stateFollows: Bool
  var streams: RunStreams
  private var step = 0
  /// λ_t, `[P]`
  private(set) var parameters: [Double]
  private var average: [Double]
  private var averaged = 0
  private var block: DrawBlock
  private var minibatches: MinibatchSampler
  private var gradient: [Double]
  private var memory: Memory
  private var optimizerState: O.State

  /// The estimator's. Together, since two properties without size would share an address, and not be lent at once.
  private struct Memory {
    var state: E.State
    var workspace: E.Workspace
  }

  init(
    _ settings: GradientAscent, _ problem: Problem, _ estimator: E, _ optimizer: O, from start: [Double],
    streams: consuming RunStreams
  ) throws(EstimatorError) {
    let shape = problem.shape(samples: settings.samples, lanes: 1)
    let requirements = try estimator.requirements(samples: settings.samples, of: problem)
    try problem.checkDraws(samples: settings.samples, for: requirements)
    let scratch = try estimator.makeWorkspace(for: problem, shape: shape)
    self.problem = problem
    self.estimator = estimator
    self.optimizer = optimizer
    self.streams = streams
    quantities = requirements.quantities
    steps = settings.steps
    direction = problem.isMinimized ? -1 : 1
    parameters = start
    average = start
    block = DrawBlock(shape: shape, parameters: start)
    minibatches = MinibatchSampler(problem)
    gradient = Array(repeating: 0, count: start.count)
    let state = estimator.initialState(for: problem, parameters: start)
    memory = Memory(state: state, workspace: scratch)
    stateFollows = !(E.State.self is NoState.Type) && estimator.warmUp(for: state) == nil
    optimizerState = optimizer.initialState(parameterCount: start.count)
    takeIntoAverage()
  }

  /// λ as it is evaluated and saved: the mean of the iterates where the optimizer averages them.
  var reported: [Double] { averaged > 0 ? average : parameters }

  /// One step; false if the gradient or λ is not finite afterwards.
  func advance() -> Bool {
    if stateFollows, step > 0 { memory.state = estimator.initialState(for: problem, parameters: parameters) }
    let start = parameters
    block.draws.parameters.withUnsafeMutableBufferPointer { _ = $0.update(from: start) }
    gradient.withUnsafeMutableBufferPointer { $0.update(repeating: 0) }
    minibatches.draw(&block, random: &streams.minibatches)
    block.sample(problem, random: &streams.draws)
    block.evaluate(quantities, of: problem)
    estimate(&memory, into: &gradient)
    if direction != 1 { for p in gradient.indices { gradient[p] *= direction } }
    let rate = optimizer.stepSize.rate(at: step, of: steps)
    optimizer.update(&parameters, gradient: gradient, rate: rate, state: &optimizerState)
    step += 1
    takeIntoAverage()
    return parameters.areFinite && gradient.areFinite
  }

  /// One estimate, and what is learned from its draws for the next.
  private func estimate(_ memory: inout Memory, into gradient: inout [Double]) {
    var span = gradient.mutableSpan
    estimator.estimate(
      problem, block, state: memory.state, random: &streams.estimator, workspace: &memory.workspace, into: &span)
    if !stateFollows {
      estimator.adapt(&memory.state, problem: problem, block: block, workspace: &memory.workspace)
    }
  }

  private func takeIntoAverage() {
    guard let from = optimizer.averageFrom, step >= from else { return }
    averaged += 1
    for p in average.indices {
      average[p] = averaged == 1 ? parameters[p] : average[p] + (parameters[p] - average[p]) / Double(averaged)
    }
  }
}
