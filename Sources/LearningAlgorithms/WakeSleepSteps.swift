internal import CKernels
internal import GradientEstimation
internal import Optimization
internal import Randomness

/// Wake–sleep at work, plain or reweighted; see `WakeSleep` and `ReweightedWakeSleep`.
final class WakeSleepSteps<O: Optimizer>: LearningRule {
  private let setting: LearningSetting
  private let initial: Problem
  private let encoder: any InferenceNetwork
  private let isReweighted: Bool
  private let phase: ReweightedWakeSleep.Phase
  private let ascent: JointAscent<O>
  private let quantities: Quantities
  private var benches: [Int: Bench] = [:]
  let start: (parameters: [Double], state: O.State)

  var network: (any InferenceNetwork)? { encoder }
  var dataPerStep: Int { initial.data.minibatch }
  var parameterBlocks: [ParameterBlock] { initial.parameterBlocks(after: encoder) }

  /// Scratch for minibatches of one size: data awake, and dreams.
  private final class Bench {
    var awake, asleep: AmortizedBlock
    /// Of log q in λ, `[P × B]`.
    var scores: [Double]
    /// Of draws, `[K × B]`.
    var weights: [Double]

    init(_ problem: Problem, _ encoder: any InferenceNetwork, samples: Int, lanes: Int) {
      awake = AmortizedBlock(problem, encoder, samples: samples, lanes: lanes)
      asleep = AmortizedBlock(problem, encoder, samples: 1, lanes: lanes)
      scores = Array(repeating: 0, count: problem.parameterCount * lanes)
      weights = Array(repeating: 0, count: samples * lanes)
    }
  }

  init(
    _ setting: LearningSetting, _ encoder: any InferenceNetwork, _ optimizer: O, isReweighted: Bool,
    phase: ReweightedWakeSleep.Phase, random: inout RandomStream
  ) {
    let phi = encoder.initialParameters(random: &random)
    self.setting = setting
    self.encoder = encoder
    self.isReweighted = isReweighted
    self.phase = phase
    initial = setting.problem.initialized(random: &random)
    let model = initial.model as? any LearnableModel, theta = model?.modelParameters ?? []
    quantities = Quantities(values: [.prior, .likelihood, .entropy]).union(
      model?.modelGradientQuantities ?? Quantities())
    ascent = JointAscent(
      optimizer, networkCount: phi.count, modelCount: theta.count, updates: setting.epochs * setting.stepsPerEpoch)
    start = (phi + theta, ascent.initialState)
  }

  func problem(at parameters: [Double]) -> Problem { initial.at(parameters, after: encoder.parameterCount) }

  func step(
    _ indices: [Int32], number: Int, parameters: inout [Double], state: inout O.State, streams: inout EpochStreams
  ) -> LearningStep {
    let bench = bench(lanes: indices.count), problem = problem(at: parameters)
    let count = problem.data.dataCount(.training)
    let factor = Double(count) / Double(indices.count)
    ascent.clear()
    bench.awake.take(indices, of: .training, parameters: parameters, random: &streams.order)
    bench.awake.block.sample(problem, random: &streams.draws)
    bench.awake.block.evaluate(quantities, of: problem)
    let bound = Self.wake(bench, isReweighted)
    let weights = bench.weights, share = factor * (phase == .both ? 0.5 : 1)
    ascent.addToModel(problem, weights: weights, factor: factor, of: bench.awake.block)
    if phase != .sleep {
      Self.storeScores(problem, weights, bench.awake.block.draws, &bench.scores)
      ascent.addToNetwork(bench.scores, factor: share, parameters: parameters, through: &bench.awake)
    }
    if phase != .wake {
      Self.dream(bench, problem, parameters, random: &streams.estimator)
      ascent.addToNetwork(bench.scores, factor: share, parameters: parameters, through: &bench.asleep)
    }
    let isFinite = ascent.update(&parameters, &state, number: number)
    return LearningStep(
      bound: bound, evaluations: (Double(setting.samples) + (phase == .wake ? 0 : 1)) / factor, isFinite: isFinite)
  }

  /// Stores the weights of the draws, and gives the mean over the data of the bound by them: of the weighted draws
  /// log (1/K) Σ w_k, otherwise the mean of log w_k.
  private static func wake(_ bench: Bench, _ isReweighted: Bool) -> Double {
    let (k, lanes) = (bench.awake.block.shape.samples, bench.awake.block.shape.lanes)
    for i in bench.weights.indices { bench.weights[i] = 0 }
    for term in [Term.prior, .likelihood, .entropy] {
      let values = bench.awake.block.evaluation.values(of: term)
      for i in values.indices { bench.weights[i] += values[i] }
    }
    var total = 0.0
    for lane in 0..<lanes {
      let draws = stride(from: lane, to: k * lanes, by: lanes)
      guard isReweighted else {
        for i in draws {
          total += bench.weights[i] / Double(k)
          bench.weights[i] = 1 / Double(k)
        }
        continue
      }
      let greatest = draws.reduce(-Double.infinity) { max($0, bench.weights[$1]) }
      var sum = 0.0
      for i in draws {
        bench.weights[i] = wb_exp(bench.weights[i] - greatest)
        sum += bench.weights[i]
      }
      for i in draws { bench.weights[i] /= sum }
      total += greatest + wb_log(sum / Double(k))
    }
    return total / Double(lanes)
  }

  /// (x, z) ~ p_θ, λ of x, and ∇_λ log q(z).
  private static func dream(
    _ bench: Bench, _ problem: Problem, _ parameters: [Double], random: inout RandomStream
  ) {
    guard let model = problem.model as? any LocalLatentModel, let family = problem.family as? any PointwiseFamily
    else { return }
    let lanes = bench.asleep.block.shape.lanes
    let z = model.priorDraws(lanes: lanes, random: &random)
    bench.asleep.encode(model.observationDraws(at: z, lanes: lanes, random: &random), parameters: parameters)
    bench.asleep.block.draws.z = z
    family.recoverNoise(&bench.asleep.block.draws)
    storeScores(problem, Array(repeating: 1, count: lanes), bench.asleep.block.draws, &bench.scores)
  }

  /// Σ_k w_k ∇_λ log q(z_k) of each lane.
  private static func storeScores(
    _ problem: Problem, _ weights: [Double], _ draws: borrowing Draws, _ scores: inout [Double]
  ) {
    scores.withUnsafeMutableBufferPointer { $0.update(repeating: 0) }
    let centers = [Double](repeating: 0, count: problem.parameterCount)
    var span = scores.mutableSpan
    problem.family.addScore(weights: weights.span, centers: centers.span, at: draws, into: &span)
  }

  private func bench(lanes: Int) -> Bench {
    if let known = benches[lanes] { return known }
    let made = Bench(initial, encoder, samples: setting.samples, lanes: lanes)
    benches[lanes] = made
    return made
  }

  func bounds(at parameters: [Double], random: inout RandomStream) -> LearningBounds {
    setting.bounds(problem(at: parameters), encoder, parameters: parameters, random: &random)
  }
}
