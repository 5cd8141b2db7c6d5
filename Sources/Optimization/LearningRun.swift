public import GradientEstimation
public import Randomness

/// How long a training is, and how often it is looked at.
public struct LearningSchedule: Hashable, Sendable {
  /// Passes over the data.
  public var epochs: Int
  /// Bounds are evaluated before the first epoch, after every multiple of this, and at the end.
  public var evaluateEvery: Int
  /// Epochs whose parameters are kept.
  public var keptEpochs: Set<Int>

  public init(epochs: Int, evaluateEvery: Int = 1, keptEpochs: Set<Int> = []) {
    precondition(epochs > 0 && evaluateEvery > 0, "LearningSchedule: counts must be positive")
    self.epochs = epochs
    self.evaluateEvery = evaluateEvery
    self.keptEpochs = keptEpochs
  }
}

/// A row of a training's course.
public struct TrainingPoint: Codable, Hashable, Sendable {
  /// Epochs and steps done, and data that they have seen.
  public let epoch, step, dataSeen: Int
  /// The mean over the step's minibatch of the objective at its draws, before the step; nil before the first.
  public var minibatchBound: Double?
  public var trainBound, trainMCSE, testBound, testMCSE: Double?
  /// Of the data to train on: the bound and log p(x) in closed form, means over the data; where the model has one.
  public var exactBound, logEvidence: Double?
  /// Of the model in all steps, one reading all data once; and of its gradient in z.
  public var evaluations = 0.0, gradientEvaluations = 0.0
}

/// Where a training is after an epoch: all that the next one needs.
public struct LearningCheckpoint<State: Codable & Sendable>: Codable, Sendable {
  public var epoch = 0
  public var step = 0
  public var dataSeen = 0
  public var evaluations = 0.0
  public var gradientEvaluations = 0.0
  /// φ and then θ.
  public var parameters: [Double]
  public var state: State
  public var points: [TrainingPoint] = []
  /// Parameters after the epochs that are kept.
  public var kept: [Int: [Double]] = [:]
  public var hasDiverged = false
}

/// A training under way: epochs of a `LearningRule` over the data, in an order of its own each.
public final class LearningRun<Rule: LearningRule> {
  public typealias Checkpoint = LearningCheckpoint<Rule.State>

  public let rule: Rule
  private let schedule: LearningSchedule
  private let data: any LanewiseData
  /// The step that was done last.
  private var latest: TrainingPoint?
  public private(set) var checkpoint: Checkpoint

  public init(_ rule: Rule, _ schedule: LearningSchedule) {
    self.rule = rule
    self.schedule = schedule
    let start = rule.start
    data = rule.problem(at: start.parameters).data
    checkpoint = Checkpoint(parameters: start.parameters, state: start.state)
  }

  /// Goes on from `checkpoint`, which is one of this training.
  public func resume(from checkpoint: Checkpoint) {
    guard checkpoint.parameters.count == self.checkpoint.parameters.count else { return }
    self.checkpoint = checkpoint
  }

  /// The most steps that are recorded, those at which bounds are evaluated apart: of longer trainings every so many-th is.
  static var mostPoints: Int { 200 }
  private var recordEvery: Int { (schedule.epochs * stepsPerEpoch + Self.mostPoints - 1) / Self.mostPoints }
  /// Steps of an epoch; the last takes what is left of the data.
  public var stepsPerEpoch: Int { (data.dataCount(.training) + rule.dataPerStep - 1) / rule.dataPerStep }
  public var isOver: Bool { checkpoint.hasDiverged || checkpoint.epoch >= schedule.epochs }

  /// Records the bounds before the first epoch.
  public func begin(streams: consuming EpochStreams) {
    guard checkpoint.points.isEmpty else { return }
    checkpoint.points.append(evaluated(TrainingPoint(epoch: 0, step: 0, dataSeen: 0), &streams.evaluation))
    keep()
  }

  private func keep() {
    if schedule.keptEpochs.contains(checkpoint.epoch) { checkpoint.kept[checkpoint.epoch] = checkpoint.parameters }
  }

  /// One pass over the data in an order of its own; then the bounds, where they are due. A training that diverges ends.
  ///
  /// - Parameter goOn: asked before each step; false leaves the training where it was before the epoch.
  /// - Returns: whether the epoch was gone through.
  /// - Throws: `EstimatorError` if the rule cannot make its scratch.
  public func runEpoch(
    streams: consuming EpochStreams, goOn: (_ steps: Int) -> Bool
  ) throws(EstimatorError) -> Bool {
    let before = checkpoint, count = data.dataCount(.training)
    var order = (0..<Int32(count)).map { $0 }, shuffled = order
    var span = shuffled.mutableSpan
    streams.order.choose(count, of: &order, lanes: 1, into: &span)
    for first in stride(from: 0, to: count, by: rule.dataPerStep) {
      guard goOn(1) else {
        checkpoint = before
        return false
      }
      let indices = Array(shuffled[first..<min(first + rule.dataPerStep, count)])
      let done = try Self.step(rule, indices, &checkpoint, &streams)
      let point = TrainingPoint(
        epoch: checkpoint.epoch + 1, step: checkpoint.step, dataSeen: checkpoint.dataSeen, minibatchBound: done.bound,
        evaluations: checkpoint.evaluations, gradientEvaluations: checkpoint.gradientEvaluations)
      if checkpoint.step % recordEvery == 0 { checkpoint.points.append(point) }
      latest = point
      if checkpoint.hasDiverged { break }
    }
    checkpoint.epoch += 1
    if let latest, checkpoint.epoch % schedule.evaluateEvery == 0 || isOver {
      if checkpoint.points.last?.step == latest.step { checkpoint.points.removeLast() }
      checkpoint.points.append(checkpoint.hasDiverged ? latest : evaluated(latest, &streams.evaluation))
    }
    keep()
    return true
  }

  private static func step(
    _ rule: Rule, _ indices: [Int32], _ checkpoint: inout Checkpoint, _ streams: inout EpochStreams
  ) throws(EstimatorError) -> LearningStep {
    let done = try rule.step(
      indices, number: checkpoint.step, parameters: &checkpoint.parameters, state: &checkpoint.state,
      streams: &streams)
    checkpoint.step += 1
    checkpoint.dataSeen += indices.count
    checkpoint.evaluations += done.evaluations
    checkpoint.gradientEvaluations += done.gradientEvaluations
    checkpoint.hasDiverged = !done.isFinite || !checkpoint.parameters.areFinite
    return done
  }

  /// The point with the bounds at the parameters as they are.
  private func evaluated(_ point: TrainingPoint, _ random: inout RandomStream) -> TrainingPoint {
    var point = point
    let bounds = rule.bounds(at: checkpoint.parameters, random: &random)
    (point.trainBound, point.trainMCSE) = (bounds.train?.value, bounds.train?.mcse)
    (point.testBound, point.testMCSE) = (bounds.test?.value, bounds.test?.mcse)
    (point.exactBound, point.logEvidence) = (bounds.exact, bounds.logEvidence)
    return point
  }
}
