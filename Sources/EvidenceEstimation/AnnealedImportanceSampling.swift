internal import CKernels
public import GradientEstimation
internal import MarkovChains
public import Randomness

/// Annealed importance sampling: K chains go from a density that can be drawn from to the posterior, along π_β from β_0 = 0 to
/// β_T = 1 (see `TemperedTarget`), and weigh what they meet,
///
///     log p̂(x) = log (1/K) Σ_k w_k,   log w = Σ_{t=1}^T (β_t − β_{t−1}) ∂_β log π_β(z_{t−1})
///
/// with z_0 a draw of π_0 and z_t, t < T, a transition of Hamiltonian Monte Carlo from z_{t−1} that leaves π_{β_t} as it is. From the
/// prior ∂_β log π_β = log p(x | z).
///
/// - Requires: real z, gradients; a prior that can be drawn from, or with from=q a family of independent normals.
/// - Bias: p̂ has none, however badly the chains mix, as long as step sizes do not depend on them. So they are tuned by a
///   preliminary run of chains of their own along the same path, one size for each β_t, and then frozen. log p̂ is low.
/// - Error: by the delta method, from the spread of the K weights.
/// - Cost: T evaluations and (T − 1) L + 1 gradients a chain, and as much again for each of up to 16 chains of the preliminary run,
///   which makes 30 transitions more.
/// - Source: Neal (2001), section 2; Wu et al. (2017).
public struct AnnealedImportanceSampling: EvidenceEstimator {
  /// T
  public var temperatures = 200
  /// L
  public var leapfrogSteps = 10
  public var acceptance = 0.65
  /// ε; 0 where it is tuned.
  public var stepSize = 0.0
  public var schedule = Schedule.sigmoid
  public var start = Start.prior

  /// How β_t rises.
  public enum Schedule: String, CaseIterable, Sendable {
    /// As σ(8 t/T − 4), rescaled to end at 0 and 1.
    case sigmoid
    /// As t/T.
    case linear
  }

  /// What π_0 is.
  public enum Start: String, CaseIterable, Sendable {
    case prior
    /// q_λ
    case family = "q"
  }

  public init() {}

  public static let descriptor = Descriptor<Self>(
    id: "annealed-importance-sampling", summary: "weights of chains that go from the prior to the posterior",
    equation: "log (1/K) Σ_k w_k,  log w = Σ_t (β_t − β_{t−1}) log p(x | z_{t−1}),  z_t by HMC of p(z) p(x | z)^{β_t}",
    notes: [
      Note(
        "Requires",
        "real z and ∇_z of the model; a prior that can be drawn from. from=q goes from q instead, along q(z)^{1−β} p(x, z)^β, and wants a family of independent normals."
      ),
      Note(
        "Bias",
        "the mean weight has none, whatever T and the step sizes: these are tuned by chains of a preliminary run, and stay as they are in the run that counts. Its logarithm is low by half its squared standard error, to first order."
      ),
      Note(
        "Error",
        "the delta method's, from the spread of the K weights. With few chains, or a path so coarse that one weight outdoes the others, it is too small: raise temperatures, and look at k̂."
      ),
      Note(
        "Cost",
        "T evaluations and (T − 1) L + 1 gradients a chain, K chains a datum. Tuning adds up to 16 chains of the same path."
      ),
      Note("samples", "K, the number of chains."),
    ],
    references: [
      Reference("neal2001", "section 2"), Reference("wu2017"), Reference("neal2011"),
      Reference("hoffman2014", "section 3.2"),
    ],
    options: [
      .integer(
        "temperatures", \.temperatures, in: 1...1_000_000, "T, steps of the path; 1: weights of draws of its start"),
      .integer("leapfrog", \.leapfrogSteps, in: 1...10_000, "L, leapfrog steps of a transition"),
      .real(
        "acceptance", \.acceptance, in: RealBounds(lower: 0.01, upper: 0.99),
        "the share of proposals that step sizes are tuned to be accepted with"),
      .real(
        "step_size", \.stepSize, in: RealBounds(lower: 0, upper: 1e6), "ε of all leapfrog steps; 0: tuned, for each β"),
      .choice("schedule", \.schedule, "how β rises: slowly at both ends, or evenly"),
      .choice("from", \.start, "where the path starts"),
    ])

  public func check() throws(ComponentError) {
    if stepSize > 0, acceptance != AnnealedImportanceSampling().acceptance {
      throw ComponentError(option: "acceptance", "has no effect beside step_size=\(stepSize), which is not tuned")
    }
  }

  public var usesFamily: Bool { start == .family }

  public func check(_ problem: Problem, samples: Int) throws(EstimatorError) {
    try problem.checkChains(samples: samples)
    switch start {
    case .prior:
      guard problem.knowsPriorDraws else {
        throw EstimatorError("goes from the prior, and cannot draw from that of this model: take from=q")
      }
    case .family:
      guard problem.family is any IndependentNormalFamily else {
        throw EstimatorError(
          "goes from q where it is of independent normals, such as 'mean-field-normal': take from=prior")
      }
    }
  }

  /// β_0 … β_T
  var path: [Double] {
    let ends = (wb_sigmoid(-4), wb_sigmoid(4))
    return (0...temperatures).map { t in
      if t == 0 || t == temperatures { return t == 0 ? 0 : 1 }
      let share = Double(t) / Double(temperatures)
      return schedule == .linear ? share : (wb_sigmoid(8 * share - 4) - ends.0) / (ends.1 - ends.0)
    }
  }

  public func estimate(
    _ problem: Problem, _ data: LaneData, samples: Int, random: inout RandomStream
  ) throws(EstimatorError) -> [EvidenceEstimate] {
    try check(problem, samples: samples)
    try data.check(for: problem, usesFamily: usesFamily)
    let problem = problem.forEvidence, path = path
    var estimates: [EvidenceEstimate] = []
    for lane in 0..<data.lanes {
      let base = start == .family ? try data.normal(of: lane, problem) : nil
      var count = Count()
      let run = Run(problem: problem, data: data, lane: lane, path: path, base: base, leapfrogSteps: leapfrogSteps)
      let steps =
        try stepSize > 0
        ? Array(repeating: stepSize, count: path.count)
        : run.tunedSteps(chains: min(samples, 16), acceptance: acceptance, &count, &random)
      var weights: [Double] = []
      for width in widths(of: samples, dimension: problem.model.dimension) {
        weights += try run.logWeights(chains: width, steps: steps, &count, &random)
      }
      let mean = LogMeanWeight(weights)
      estimates.append(
        EvidenceEstimate(
          value: mean.value, standardError: mean.standardError, paretoShape: mean.paretoShape,
          acceptance: count.acceptance, evaluations: count.evaluations, gradientEvaluations: count.gradientEvaluations))
    }
    return estimates
  }
}

/// What chains of a lane cost, and how many of their proposals are accepted.
struct Count {
  var evaluations = 0.0, gradientEvaluations = 0.0
  private var accepted = 0.0, proposals = 0.0
  /// Nil without proposals.
  var acceptance: Double? { proposals > 0 ? accepted / proposals : nil }

  mutating func add(proposalsOf chains: borrowing HamiltonianMonteCarlo) {
    accepted += Double(chains.isAccepted.count { $0 })
    proposals += Double(chains.lanes)
  }

  mutating func add(costOf chains: borrowing HamiltonianMonteCarlo) {
    evaluations += Double(chains.evaluations * chains.lanes)
    gradientEvaluations += Double(chains.gradientEvaluations * chains.lanes)
  }
}

/// The path of one lane.
private struct Run {
  let problem: Problem
  let data: LaneData
  let lane: Int
  let path: [Double]
  let base: DiagonalNormal?
  let leapfrogSteps: Int

  /// Chains at draws of π_0.
  private func started(_ width: Int, _ random: inout RandomStream) throws(EstimatorError) -> HamiltonianMonteCarlo {
    var chains = try HamiltonianMonteCarlo(problem, lanes: width, leapfrogSteps: leapfrogSteps)
    let z = base?.draws(width, random: &random) ?? problem.priorDraws(width, random: &random) ?? []
    try chains.start(problem, at: z, observations: data.observations(of: lane, width: width))
    return chains
  }

  /// log w of each chain.
  func logWeights(
    chains width: Int, steps: [Double], _ count: inout Count, _ random: inout RandomStream
  ) throws(EstimatorError) -> [Double] {
    var chains = try started(width, &random), weights = [Double](repeating: 0, count: width)
    for t in 1..<path.count {
      chains.addPathDerivative(
        of: TemperedTarget(beta: path[t - 1], base: base), factor: path[t] - path[t - 1], to: &weights)
      guard t < path.count - 1 else { break }
      chains.transition(
        problem, target: TemperedTarget(beta: path[t], base: base), stepSize: steps[t], random: &random)
      count.add(proposalsOf: chains)
    }
    count.add(costOf: chains)
    return weights
  }

  /// ε of each β_t, from chains that are not used for anything else: they stay at β_1 for 30 transitions, and then go along
  /// the path, adapting all the while.
  func tunedSteps(
    chains width: Int, acceptance: Double, _ count: inout Count, _ random: inout RandomStream
  ) throws(EstimatorError) -> [Double] {
    var steps = [Double](repeating: 0, count: path.count)
    guard path.count > 2 else { return steps }
    var chains = try started(width, &random), adaptation = StepSizeAdaptation(initial: 0.1, acceptance: acceptance)
    for t in 1..<path.count - 1 {
      let target = TemperedTarget(beta: path[t], base: base)
      for _ in 0..<(t == 1 ? 31 : 1) {
        let share = chains.transition(problem, target: target, stepSize: adaptation.stepSize, random: &random)
        adaptation.update(acceptance: share)
      }
      steps[t] = adaptation.stepSize
    }
    count.add(costOf: chains)
    return steps
  }
}

extension LaneData {
  /// q_λ of a lane, of a family of independent normals.
  ///
  /// - Throws: `EstimatorError` where floating point has no scale for a coordinate.
  fileprivate func normal(of lane: Int, _ problem: Problem) throws(EstimatorError) -> DiagonalNormal? {
    guard let family = problem.family as? any IndependentNormalFamily else { return nil }
    let draws = Draws(
      shape: problem.shape(samples: 1, lanes: 1), parameters: parameters(of: lane, count: problem.parameterCount))
    var mean = [Double](repeating: 0, count: family.dimension), variance = mean
    var meanSpan = mean.mutableSpan, varianceSpan = variance.mutableSpan
    family.moments(at: draws, mean: &meanSpan, variance: &varianceSpan)
    guard variance.allSatisfy({ $0 > 0 && $0.isFinite }), mean.allSatisfy(\.isFinite) else {
      throw EstimatorError("goes from q, and q has a mean or a variance that is not finite, or a variance of 0")
    }
    return DiagonalNormal(mean: mean, scale: variance.map { $0.squareRoot() })
  }
}
