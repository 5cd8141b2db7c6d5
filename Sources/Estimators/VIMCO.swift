internal import CKernels
public import GradientEstimation
public import Randomness

/// Variational inference for Monte Carlo objectives: the score-function estimator of an objective of K draws, whose baseline for
/// draw k is the objective with that draw's weight replaced by a mean of the others,
///
///     ĝ = Σ_k (φ − φ^{(−k)} − φ_k) ∇_λ log q_λ(z_k),   φ^{(−k)} = φ(…, ℓ_{k−1}, m_k, ℓ_{k+1}, …)
///
/// with m_k the mean of the other ℓ (`mean=geometric`) or the logarithm of their mean weight (`mean=arithmetic`).
///
/// - Requires: values of the model, the score of q, an objective of several draws, K ≥ 2.
/// - Bias: none: φ^{(−k)} does not depend on z_k.
/// - Cost: K evaluations, and O(K²) operations.
/// - Reference: Mnih and Rezende (2016), equations (7)–(10).
public struct VIMCO: GradientEstimator {
  public enum Mean: String, CaseIterable, Sendable { case geometric, arithmetic }
  public var mean = Mean.geometric
  public init() {}

  public static let descriptor = Descriptor<Self>(
    id: "vimco", summary: "score function of objectives of several draws, each draw's baseline made of the others",
    equation: "Σ_k (φ − φ^{(−k)} − φ_k) ∇_λ log q(z_k)",
    notes: [
      Note("Requires", "values of the model; the score of q; an objective of several draws, and at least 2."),
      Note("Bias", "none: a draw's baseline does not depend on it."),
      Note("Cost", "K evaluations an estimate, and O(K²) operations."),
      Note(
        "mean", "what stands for a draw's weight in its baseline: the geometric or the arithmetic mean of the others."),
    ],
    references: [Reference("mnih2016", "equations (7)–(10)")],
    options: [.choice("mean", \.mean, "the mean of the other weights that replaces a draw's")],
    variants: [["mean": "arithmetic"]])

  public func requirements(samples: Int, of problem: Problem) throws(EstimatorError) -> Requirements {
    guard let objective = problem.multiSample else {
      throw EstimatorError(
        "needs an objective of several draws, such as 'iwae'; of the ELBO it is score:baseline=leave-one-out")
    }
    guard objective.rule == .gradient else {
      throw EstimatorError("the objective has normalised weights and nothing that a baseline would lower; take score")
    }
    return Requirements(
      quantities: .bounds(of: problem.terms), minimumSamples: max(2, objective.minimumSamples),
      evaluations: Double(samples) * problem.dataShare, needsIndependentDraws: true)
  }

  /// Scratch: the weights of the scores, `[K × B]`; log weights of a lane, with slopes and curvatures that nobody asks for.
  public struct Workspace {
    var weights, centers, lane, slopes, curvatures: [Double]
  }

  public func makeWorkspace(for problem: Problem, shape: Shape) throws(EstimatorError) -> Workspace {
    func room(_ count: Int) -> [Double] { Array(repeating: 0, count: count) }
    return Workspace(
      weights: room(shape.drawCount), centers: room(shape.parameters), lane: room(shape.samples),
      slopes: room(shape.samples), curvatures: room(shape.samples))
  }

  public func estimate(
    _ problem: Problem, _ block: borrowing DrawBlock, state: NoState, random: inout RandomStream,
    workspace: inout Workspace, into gradients: inout MutableSpan<Double>
  ) {
    guard let objective = problem.multiSample else { return }
    let (samples, lanes) = (block.shape.samples, block.shape.lanes)
    let all = block.evaluation.logWeights, bounds = block.evaluation.bounds, slopes = block.evaluation.slopes
    for lane in 0..<lanes {
      for k in 0..<samples { workspace.lane[k] = all[k * lanes + lane] }
      for k in 0..<samples {
        let baseline = workspace.baseline(of: k, mean, objective)
        workspace.weights[k * lanes + lane] = bounds[lane] - baseline - slopes[k * lanes + lane]
      }
    }
    problem.family.addScore(
      weights: workspace.weights.span, centers: workspace.centers.span, at: block.draws, into: &gradients)
  }
}

extension VIMCO.Workspace {
  /// φ^{(−k)}
  fileprivate mutating func baseline(of k: Int, _ mean: VIMCO.Mean, _ objective: any MultiSampleObjective) -> Double {
    let own = lane[k]
    defer { lane[k] = own }
    lane[k] = substitute(for: k, mean)
    return lane.withUnsafeBufferPointer { weights in
      slopes.withUnsafeMutableBufferPointer { slopes in
        curvatures.withUnsafeMutableBufferPointer { objective.evaluate(weights, slopes: slopes, curvatures: $0) }
      }
    }
  }

  private func substitute(for k: Int, _ mean: VIMCO.Mean) -> Double {
    let others = Double(lane.count - 1)
    var sum = 0.0, greatest = -Double.infinity
    for j in lane.indices where j != k {
      sum += lane[j]
      greatest = max(greatest, lane[j])
    }
    guard mean == .arithmetic, greatest.isFinite else { return sum / others }
    var weights = 0.0
    for j in lane.indices where j != k { weights += wb_exp(lane[j] - greatest) }
    return greatest + wb_log(weights / others)
  }
}
