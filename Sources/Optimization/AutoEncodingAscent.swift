public import GradientEstimation
public import Randomness

/// What a training by auto-encoding variational Bayes does, and how often it is looked at.
///
/// A step takes M data, makes λ_n = f_φ(x_n) of each, draws from q_{λ_n}, estimates ∇_{λ_n} of each datum's objective by any
/// estimator of gradients, a lane a datum, and pulls it back to φ; θ follows the weights of the objective itself. Both are
/// those of all N data,
///
///     N/M Σ_{n in the minibatch} (∂λ_n/∂φ)ᵀ ĝ_n,   N/M Σ_n Σ_k φ_k ∇_θ log p_θ(x_n, z_k)
///
/// and one optimizer takes the two together. Kingma and Welling (2014), algorithm 1 and equation (8).
public struct AutoEncodingAscent: Hashable, Sendable {
  /// K, draws a datum and step.
  public var samples: Int
  /// Passes over the data.
  public var epochs: Int
  /// Bounds are evaluated before the first epoch, after every multiple of this, and at the end.
  public var evaluateEvery: Int
  /// Estimates of a datum's bound.
  public var evaluationDraws: Int
  /// Epochs whose φ and θ are kept.
  public var keptEpochs: Set<Int>

  public init(
    samples: Int, epochs: Int, evaluateEvery: Int = 1, evaluationDraws: Int = 2, keptEpochs: Set<Int> = []
  ) {
    precondition(
      samples > 0 && epochs > 0 && evaluateEvery > 0 && evaluationDraws > 0,
      "AutoEncodingAscent: counts must be positive")
    self.samples = samples
    self.epochs = epochs
    self.evaluateEvery = evaluateEvery
    self.evaluationDraws = evaluationDraws
    self.keptEpochs = keptEpochs
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

/// A row of a training's course.
public struct TrainingPoint: Codable, Hashable, Sendable {
  /// Epochs and steps done, and data that they have seen.
  public let epoch, step, dataSeen: Int
  /// The mean over the step's minibatch of the objective at its draws, before the step; nil before the first.
  public var minibatchBound: Double?
  public var trainBound, trainMCSE, testBound, testMCSE: Double?
  /// Of the data to train on: the bound and log p(x) in closed form, means over the data; where the model has one.
  public var exactBound, logEvidence: Double?
}

/// Where a training is after an epoch: all that the next one needs.
public struct AutoEncoderCheckpoint<EstimatorState: Codable & Sendable, OptimizerState: Codable & Sendable>: Codable,
  Sendable
{
  public var epoch = 0
  public var step = 0
  public var dataSeen = 0
  /// φ and then θ.
  public var parameters: [Double]
  public var estimator: EstimatorState
  public var optimizer: OptimizerState
  public var points: [TrainingPoint] = []
  /// φ and θ after the epochs that are kept.
  public var kept: [Int: [Double]] = [:]
  public var hasDiverged = false
}

/// A training under way.
public final class AutoEncoder<E: GradientEstimator, O: Optimizer> {
  public typealias Checkpoint = AutoEncoderCheckpoint<E.State, O.State>

  private let settings: AutoEncodingAscent
  private let problem: Problem
  private let model: any LocalLatentModel
  private let network: any InferenceNetwork
  private let estimator: E
  private let optimizer: O
  private let quantities: Quantities
  /// The step that was done last.
  private var latest: TrainingPoint?
  /// Of φ, of θ, and of both.
  private var networkGradient, modelGradient, gradient: [Double]
  private var benches: [Int: Bench] = [:]
  public private(set) var checkpoint: Checkpoint

  /// Scratch for minibatches of one size.
  private final class Bench {
    var amortized: AmortizedBlock
    var gradients: [Double]
    var workspace: E.Workspace

    init(_ amortized: consuming AmortizedBlock, _ gradients: [Double], _ workspace: E.Workspace) {
      self.amortized = amortized
      self.gradients = gradients
      self.workspace = workspace
    }
  }

  /// - Parameter random: what the initial φ and θ are drawn from.
  /// - Throws: `EstimatorError` if the model is none of data with latents of their own, or the estimator cannot serve it.
  public init(
    _ settings: AutoEncodingAscent, _ problem: Problem, _ estimator: E, _ optimizer: O, random: inout RandomStream
  ) throws(EstimatorError) {
    guard let local = problem.model as? any LocalLatentModel else {
      throw EstimatorError("needs a model of data with a latent variable of its own each, such as 'vae'")
    }
    let requirements = try estimator.requirements(samples: settings.samples, of: problem)
    try problem.checkDraws(samples: settings.samples, for: requirements)
    let start = problem.family.initialParameters
    self.settings = settings
    self.problem = problem
    self.estimator = estimator
    self.optimizer = optimizer
    network = local.inferenceNetwork(initial: start)
    let phi = network.initialParameters(random: &random)
    let initialized = local.initialized(random: &random)
    model = initialized
    let parameters = phi + initialized.modelParameters
    let objective = problem.multiSample == nil ? Quantities(values: problem.terms) : .bounds(of: problem.terms)
    quantities = requirements.quantities.union(problem.modelGradientQuantities).union(objective)
    networkGradient = Array(repeating: 0, count: phi.count)
    modelGradient = Array(repeating: 0, count: initialized.modelParameters.count)
    gradient = Array(repeating: 0, count: parameters.count)
    checkpoint = Checkpoint(
      parameters: parameters, estimator: estimator.initialState(for: problem, parameters: start),
      optimizer: optimizer.initialState(parameterCount: parameters.count))
  }

  /// Goes on from `checkpoint`, which is one of this training.
  public func resume(from checkpoint: Checkpoint) {
    guard checkpoint.parameters.count == gradient.count else { return }
    self.checkpoint = checkpoint
  }

  /// φ, and the model at θ, of both in this order.
  public func trained(_ parameters: [Double]) -> (networkParameters: [Double], model: any LocalLatentModel) {
    (Array(parameters[..<network.parameterCount]), moved(model, parameters))
  }
  public var inferenceNetwork: any InferenceNetwork { network }
  /// The most steps that are recorded, those at which bounds are evaluated apart: of longer trainings every so many-th is.
  static var mostPoints: Int { 500 }
  private var recordEvery: Int { (settings.epochs * stepsPerEpoch + Self.mostPoints - 1) / Self.mostPoints }
  /// Steps of an epoch; the last takes what is left of the data.
  public var stepsPerEpoch: Int { (model.dataCount(.training) + model.minibatch - 1) / model.minibatch }
  public var isOver: Bool { checkpoint.hasDiverged || checkpoint.epoch >= settings.epochs }

  private func moved<M: LocalLatentModel>(_ model: M, _ parameters: [Double]) -> any LocalLatentModel {
    model.with(modelParameters: Array(parameters[network.parameterCount...]))
  }

  /// Records the bounds before the first epoch.
  public func begin(streams: consuming EpochStreams) {
    guard checkpoint.points.isEmpty else { return }
    checkpoint.points.append(evaluated(TrainingPoint(epoch: 0, step: 0, dataSeen: 0), &streams.evaluation))
    keep()
  }

  private func keep() {
    if settings.keptEpochs.contains(checkpoint.epoch) { checkpoint.kept[checkpoint.epoch] = checkpoint.parameters }
  }

  /// One pass over the data in an order of its own; then the bounds, where they are due. A training that diverges ends.
  ///
  /// - Parameter goOn: asked before each step; false leaves the training where it was before the epoch.
  /// - Returns: whether the epoch was gone through.
  /// - Throws: `EstimatorError` if the estimator cannot make its workspace.
  public func runEpoch(
    streams: consuming EpochStreams, goOn: (_ steps: Int) -> Bool
  ) throws(EstimatorError) -> Bool {
    let before = checkpoint, count = model.dataCount(.training)
    var order = (0..<Int32(count)).map { $0 }, shuffled = order
    var span = shuffled.mutableSpan
    streams.order.choose(count, of: &order, lanes: 1, into: &span)
    for first in stride(from: 0, to: count, by: model.minibatch) {
      guard goOn(1) else {
        checkpoint = before
        return false
      }
      try step(Array(shuffled[first..<min(first + model.minibatch, count)]), &streams)
      if checkpoint.hasDiverged { break }
    }
    checkpoint.epoch += 1
    if let latest, checkpoint.epoch % settings.evaluateEvery == 0 || isOver {
      if checkpoint.points.last?.step == latest.step { checkpoint.points.removeLast() }
      checkpoint.points.append(checkpoint.hasDiverged ? latest : evaluated(latest, &streams.evaluation))
    }
    keep()
    return true
  }

  private func step(_ indices: [Int32], _ streams: inout EpochStreams) throws(EstimatorError) {
    let bench = try bench(lanes: indices.count), phi = network.parameterCount
    let model = moved(model, checkpoint.parameters), problem = problem.with(model: model)
    let own = Array(checkpoint.parameters[..<phi])
    bench.amortized.take(indices, of: .training, parameters: own, random: &streams.order)
    bench.amortized.block.sample(problem, random: &streams.draws)
    bench.amortized.block.evaluate(quantities, of: problem)
    bench.gradients.withUnsafeMutableBufferPointer { $0.update(repeating: 0) }
    estimate(problem, bench, &streams.estimator)

    // Ascent of the mean over the data, times N: descent where the objective is made small.
    let factor = Double(model.dataCount(.training)) / Double(indices.count) * (problem.isMinimized ? -1 : 1)
    networkGradient.withUnsafeMutableBufferPointer { $0.update(repeating: 0) }
    modelGradient.withUnsafeMutableBufferPointer { $0.update(repeating: 0) }
    var inNetwork = networkGradient.mutableSpan, inModel = modelGradient.mutableSpan
    bench.amortized.addPullback(bench.gradients, factor: factor, parameters: own, into: &inNetwork)
    problem.addTotalModelGradient(factor: factor, of: bench.amortized.block, into: &inModel)
    gradient.withUnsafeMutableBufferPointer { gradient in
      guard let start = gradient.baseAddress else { return }
      start.update(from: networkGradient, count: phi)
      (start + phi).update(from: modelGradient, count: modelGradient.count)
    }

    let bounds =
      problem.multiSample == nil
      ? bench.amortized.block.meanValues(of: problem.terms) : bench.amortized.block.evaluation.bounds
    let rate = optimizer.stepSize.rate(at: checkpoint.step, of: settings.epochs * stepsPerEpoch)
    Self.update(&checkpoint, optimizer, gradient, rate)
    checkpoint.step += 1
    checkpoint.dataSeen += indices.count
    let point = TrainingPoint(
      epoch: checkpoint.epoch + 1, step: checkpoint.step, dataSeen: checkpoint.dataSeen,
      minibatchBound: bounds.reduce(0, +) / Double(bounds.count))
    if checkpoint.step % recordEvery == 0 { checkpoint.points.append(point) }
    latest = point
    checkpoint.hasDiverged =
      !checkpoint.parameters.allSatisfy(\.isFinite) || !gradient.allSatisfy(\.isFinite)
  }

  private static func update(_ checkpoint: inout Checkpoint, _ optimizer: O, _ gradient: [Double], _ rate: Double) {
    optimizer.update(&checkpoint.parameters, gradient: gradient, rate: rate, state: &checkpoint.optimizer)
  }

  /// One estimate a datum, and what is learned from its draws for the next step.
  private func estimate(_ problem: Problem, _ bench: Bench, _ random: inout RandomStream) {
    var span = bench.gradients.mutableSpan
    estimator.estimate(
      problem, bench.amortized.block, state: checkpoint.estimator, random: &random, workspace: &bench.workspace,
      into: &span)
    estimator.adapt(
      &checkpoint.estimator, problem: problem, block: bench.amortized.block, workspace: &bench.workspace)
  }

  private func bench(lanes: Int) throws(EstimatorError) -> Bench {
    if let known = benches[lanes] { return known }
    let amortized = AmortizedBlock(problem, model, network, samples: settings.samples, lanes: lanes)
    let shape = problem.shape(samples: settings.samples, lanes: lanes)
    let workspace = try estimator.makeWorkspace(for: problem, shape: shape)
    let made = Bench(amortized, Array(repeating: 0, count: shape.parameters * lanes), workspace)
    benches[lanes] = made
    return made
  }

  /// The point with the bounds at φ and θ as they are.
  private func evaluated(_ point: TrainingPoint, _ random: inout RandomStream) -> TrainingPoint {
    var point = point
    let (phi, model) = trained(checkpoint.parameters)
    func bound(_ part: DataPart, _ random: inout RandomStream) -> DatumBound? {
      DatumBound.estimate(
        problem, model, network, parameters: phi, part: part, samples: settings.samples,
        draws: settings.evaluationDraws, random: &random)
    }
    let train = bound(.training, &random), test = bound(.test, &random)
    (point.trainBound, point.trainMCSE) = (train?.value, train?.mcse)
    (point.testBound, point.testMCSE) = (test?.value, test?.mcse)
    (point.exactBound, point.logEvidence) = DatumBound.exact(
      problem, model, network, parameters: phi, random: &random)
    return point
  }
}
