public import GradientEstimation
public import Randomness

/// The score-function estimator of neural variational inference and learning (NVIL): the signal is centred, less a baseline that
/// depends on the input x, and divided by its deviation where that is above 1,
///
///     ĝ = (1/K) Σ_k (f(z_k) − c − C(x)) / max(1, σ) ∇_λ log q_λ(z_k)
///
/// c and σ² are exponentially weighted means over past estimates. The input of an estimate is its minibatch, and
/// C(x) = Σ_{n ∈ x} β_n, linear in which data it holds, with β learned by normalised least mean squares. Without minibatches every
/// estimate has the same input, and C is zero.
///
/// - Requires: values of the model, the score of q.
/// - Bias: with `normalize=false` none: neither c nor C(x) depends on z. Else the expectation is the gradient over max(1, σ), which
///   an optimizer that rescales steps does not mind.
/// - Cost: K evaluations.
/// - Reference: Mnih and Gregor (2014), section 2.3 and algorithm 1.
public struct NeuralVariationalInference: GradientEstimator {
  public var decay = 0.99
  public var learningRate = 0.02
  public var normalizes = true
  public init() {}

  public static let descriptor = Descriptor<Self>(
    id: "nvil", summary: "score function with a centred and normalised signal and a baseline of the input (NVIL)",
    equation: "(1/K) Σ_k (f(z_k) − c − C(x)) / max(1, σ) ∇_λ log q(z_k)",
    notes: [
      Note("Requires", "values of the model; the score of q."),
      Note("Bias", "none with normalize=false; else the expectation is the gradient over max(1, σ)."),
      Note("Cost", "K evaluations an estimate."),
      Note("C(x)", "of a model that reads minibatches, a sum of one learned number for each datum in it; else zero."),
      Note(
        "State", "c, σ and C(x) are learned on a stream of their own before a measurement at fixed λ, and then frozen."),
    ],
    references: [Reference("mnih2014", "section 2.3 and algorithm 1")],
    options: [
      .flag("normalize", \.normalizes, "whether the signal is divided by max(1, σ)"),
      .real("decay", \.decay, in: RealBounds(lower: 0, upper: 0.9999), "the weight of the past in c and σ"),
      .real(
        "learning_rate", \.learningRate, in: RealBounds(lower: 0, upper: 1),
        "step of C(x), in parts of what would explain a residual"),
    ],
    variants: [["normalize": "false"]])

  public func requirements(samples: Int, of problem: Problem) throws(EstimatorError) -> Requirements {
    try problem.checkMeanOfDraws()
    return Requirements(
      quantities: Quantities(values: problem.terms),
      bias: normalizes
        ? .biased("the gradient over max(1, σ), σ the deviation of the signal that was learned") : .unbiased,
      evaluations: Double(samples) * problem.dataShare)
  }

  /// c, σ² and β.
  public struct State: Codable, Hashable, Sendable {
    var count = 0
    var center = 0.0
    var variance = 0.0
    /// β, `[N]`; empty where all data are used.
    var inputs: [Double]
  }

  public func initialState(for problem: Problem, parameters: [Double]) -> State {
    let subsampled = problem.model as? any SubsampledModel
    let count = subsampled?.minibatch == nil ? 0 : subsampled?.dataCount ?? 0
    return State(inputs: Array(repeating: 0, count: count))
  }

  public func warmUp(for state: State) -> WarmUp? { WarmUp(lanes: 64, batches: state.inputs.isEmpty ? 64 : 256) }

  /// Scratch: the signal, `[K × B]`; zeros, `[P]`; the mean signal of each lane, less its baseline, `[B]`.
  public struct Workspace {
    var signal, centers, residual: [Double]
  }

  public func makeWorkspace(for problem: Problem, shape: Shape) throws(EstimatorError) -> Workspace {
    Workspace(
      signal: Array(repeating: 0, count: shape.drawCount), centers: Array(repeating: 0, count: shape.parameters),
      residual: Array(repeating: 0, count: shape.lanes))
  }

  public func estimate(
    _ problem: Problem, _ block: borrowing DrawBlock, state: State, random: inout RandomStream,
    workspace: inout Workspace, into gradients: inout MutableSpan<Double>
  ) {
    workspace.store(problem.terms, block)
    let (k, b) = (block.shape.samples, block.shape.lanes)
    let scale = 1 / (Double(k) * (normalizes ? max(1, state.variance.squareRoot()) : 1))
    for lane in 0..<b {
      let baseline = state.center + state.input(of: block.draws.dataIndices, lane: lane, lanes: b)
      for draw in 0..<k {
        workspace.signal[draw * b + lane] = (workspace.signal[draw * b + lane] - baseline) * scale
      }
    }
    problem.family.addScore(
      weights: workspace.signal.span, centers: workspace.centers.span, at: block.draws, into: &gradients)
  }

  /// c and σ² from the batch's signals less C(x), and β from what is then left in each lane.
  public func adapt(_ state: inout State, problem: Problem, block: borrowing DrawBlock, workspace: inout Workspace) {
    workspace.store(problem.terms, block)
    let (k, b) = (block.shape.samples, block.shape.lanes), draws = Double(block.shape.drawCount)
    var mean = 0.0, square = 0.0
    for lane in 0..<b {
      let input = state.input(of: block.draws.dataIndices, lane: lane, lanes: b)
      var sum = 0.0
      for draw in 0..<k {
        let signal = workspace.signal[draw * b + lane] - input
        sum += signal
        square += (signal - state.center) * (signal - state.center)
      }
      mean += sum / draws
      workspace.residual[lane] = sum / Double(k)
    }
    // A draw that is not finite teaches nothing.
    guard mean.isFinite, square.isFinite else { return }
    state.count += 1
    let weight = max(1 - decay, 1 / Double(state.count))
    state.center += weight * (mean - state.center)
    // The first batch is about a center that is no mean yet.
    state.variance +=
      (state.count == 1 ? 0 : max(1 - decay, 1 / Double(state.count - 1))) * (square / draws - state.variance)
    guard !state.inputs.isEmpty else { return }
    let rows = block.draws.minibatchSize
    for lane in 0..<b {
      let step = learningRate * (workspace.residual[lane] - state.center) / Double(rows)
      for row in 0..<rows { state.inputs[Int(block.draws.dataIndices[row * b + lane])] += step }
    }
  }
}

extension NeuralVariationalInference.State {
  /// C(x) of a lane's minibatch, `[M × B]`.
  fileprivate func input(of indices: [Int32], lane: Int, lanes: Int) -> Double {
    guard !inputs.isEmpty else { return 0 }
    return stride(from: lane, to: indices.count, by: lanes).reduce(0.0) { $0 + inputs[Int(indices[$1])] }
  }
}

extension NeuralVariationalInference.Workspace {
  /// f of each draw.
  fileprivate mutating func store(_ terms: Terms, _ block: borrowing DrawBlock) {
    for i in signal.indices { signal[i] = 0 }
    for term in terms.members {
      let values = block.evaluation.values(of: term)
      for i in signal.indices { signal[i] += values[i] }
    }
  }
}
