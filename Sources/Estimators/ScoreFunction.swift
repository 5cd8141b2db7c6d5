public import GradientEstimation
public import Randomness

/// The score-function estimator (REINFORCE, likelihood ratio): the rule of black-box variational inference.
///
/// Estimates ∇_λ E_{q_λ}[f(z)] by
///
///     ĝ = (1/K) Σ_k (f(z_k) − b) ∇_λ log q_λ(z_k)  + ∇_λ (closed-form terms)
///
/// where f holds the terms that the split samples and b is the baseline.
///
/// - Requires: log q and its score; values of the model, no gradients. `rao_blackwell` requires a model and a family
///   that factorise over coordinates.
/// - Bias: none, for every baseline: none sees the draw that it is subtracted from.
/// - Cost: K evaluations.
/// - Control variate: `ControlVariateOptions`, beside a baseline of none or leave-one-out.
/// - Reference: Williams (1992); Ranganath, Gerrish and Blei (2014), equations (2)–(3), Rao-Blackwellisation
///   in section 3.1, control variates in section 3.2; Mohamed et al. (2020), section 4.
public struct ScoreFunction: ControlledEstimator {
  public var baseline = Baseline.none
  public var split = Split.monteCarlo
  public var raoBlackwell = false
  /// Weight that the moving average gives to its past.
  public var decay = 0.9
  public var control = ControlVariateOptions()

  public init() {}

  public init(
    baseline: Baseline = .none, split: Split = .monteCarlo, raoBlackwell: Bool = false, decay: Double = 0.9,
    control: ControlVariateOptions = .init()
  ) {
    self.control = control
    self.baseline = baseline
    self.split = split
    self.raoBlackwell = raoBlackwell
    self.decay = decay
  }

  public static let descriptor = Descriptor<Self>(
    id: "score",
    summary: "score function (REINFORCE, likelihood ratio), the rule of black-box variational inference",
    equation: "(1/K) Σ_k (f(z_k) − b) ∇_λ log q_λ(z_k)",
    notes: [
      Note("Requires", "values of the model; the score of q. rao_blackwell: a model and a family that factorise."),
      Note("Bias", "none, whatever the baseline: no baseline sees the draw that it is subtracted from."),
      Note("Cost", "K evaluations an estimate, no gradients of the model."),
      Note("Baselines", Baseline.explanation),
      Note(
        "rao_blackwell",
        "drops from the signal of a coordinate the terms of the others. Where every term is a sum over coordinates it lowers the variance of the optimal-baseline estimator; without a baseline, or where a term does not factorise, it may raise it."
      ),
      ControlVariateOptions.note,
    ],
    references: [
      Reference("williams1992"), Reference("ranganath2014", "equation (3), sections 3.1 and 3.2"),
      Reference("mohamed2020", "sections 4 and 7"), Reference("kool2019"),
      Reference("paisley2012", "section 3"),
    ],
    options: [
      .choice("baseline", \.baseline, "what is subtracted from f"),
      .choice("kl", \.split, "which part of the ELBO is taken in closed form"),
      .flag("rao_blackwell", \.raoBlackwell, "drop the other coordinates' terms from each coordinate's signal"),
      .real(
        "decay", \.decay, in: RealBounds(lower: 0, upper: 0.999), "of baseline=moving-average: the weight of its past"),
    ] + controlOptions,
    variants: Baseline.allCases.dropFirst().map { ["baseline": $0.rawValue] })

  public func check() throws(ComponentError) {
    try control.check()
    if control.variate != .none, raoBlackwell || (baseline != .none && baseline != .leaveOneOut) {
      let rival = raoBlackwell ? "rao_blackwell" : "baseline=\(baseline.rawValue)"
      throw ComponentError(
        option: "control_variate",
        "does not go with \(rival): it holds f at the mean of q, a baseline; use baseline=none or leave-one-out")
    }
    if baseline != .movingAverage, decay != ScoreFunction().decay {
      throw ComponentError(
        option: "decay", "has no effect with baseline=\(baseline.rawValue); it belongs to 'moving-average'")
    }
  }

  public func requirements(samples: Int, of problem: Problem) throws(EstimatorError) -> Requirements {
    if let objective = problem.multiSample {
      try checkBound(objective)
      return Requirements(
        quantities: .bounds(of: problem.terms), minimumSamples: objective.minimumSamples,
        evaluations: Double(samples) * problem.dataShare, needsIndependentDraws: true)
    }
    let sampled = try problem.sampledTerms(split)
    try control.check(problem)
    var quantities = Quantities(values: sampled)
    if raoBlackwell {
      guard let model = problem.model as? any FactorizedModel else {
        throw EstimatorError("rao_blackwell needs a model whose terms factorise over the coordinates of z")
      }
      guard problem.family is any FactorizedFamily else {
        throw EstimatorError(
          "rao_blackwell needs a family that factorises over the coordinates of z, each parameter in one of them")
      }
      let own = ownTerms(sampled, model)
      quantities = Quantities(values: sampled.subtracting(own), coordinateValues: own)
    }
    return Requirements(
      quantities: quantities, minimumSamples: baseline == .leaveOneOut ? 2 : 1,
      evaluations: Double(samples) * problem.dataShare, needsIndependentDraws: baseline == .leaveOneOut,
      claims: claims(of: problem))
  }

  /// Of several draws together: no split, and baselines that are one number.
  private func checkBound(_ objective: any MultiSampleObjective) throws(EstimatorError) {
    let plain = ScoreFunction(), unused = "the objective takes the K draws of an estimate together: "
    guard split == plain.split, control == plain.control, !raoBlackwell else {
      throw EstimatorError(
        unused + "nothing of it is known in closed form, and it is no sum; take score with a baseline, or vimco")
    }
    guard baseline != .leaveOneOut else {
      throw EstimatorError(unused + "no draw has an f of its own; vimco is the baseline of the other draws")
    }
    guard objective.rule == .gradient || baseline == .none else {
      throw EstimatorError(unused + "this one has normalised weights and nothing that a baseline would lower")
    }
  }

  /// At the posterior f is one number, which every baseline knows or has learned.
  private func claims(of problem: Problem) -> Claims {
    let isConstant = problem.terms.contains(.entropy) && split == .monteCarlo && !raoBlackwell && baseline != .none
    return (baseline == .leaveOneOut ? [] : Claims.meanOfDraws).union(isConstant ? .zeroAtPosterior : []).union(
      controlClaims)
  }

  /// The terms of which a coordinate's signal keeps its own part alone.
  private func ownTerms(_ sampled: Terms, _ model: any FactorizedModel) -> Terms {
    sampled.intersection(model.factorizedTerms.union(.entropy))
  }

  /// The baseline and the control variate, of which one at most learns.
  public struct State: Codable, Hashable, Sendable {
    public internal(set) var baseline: BaselineState
    public internal(set) var control: ControlVariateState
  }

  public func initialState(for problem: Problem, parameters: [Double]) -> State {
    let sampled = problem.terms.subtracting(split.closedForm)
    return State(
      baseline: BaselineState(baseline, of: sampled, raoBlackwell: raoBlackwell, problem, parameters: parameters),
      control: ControlVariateState(control, of: sampled, problem, parameters: parameters))
  }

  public func warmUp(for state: State) -> WarmUp? {
    state.baseline.isExact ? state.control.warmUp : baseline.warmUp
  }

  /// Scratch: the signal f, `[K × B]`, or `[K × D × B]` by coordinate; and the baseline of each parameter.
  public struct Workspace {
    var signal: [Double]
    var centers: [Double]
    var variate: ControlVariateScratch
  }

  public func makeWorkspace(for problem: Problem, shape: Shape) throws(EstimatorError) -> Workspace {
    Workspace(
      signal: Array(repeating: 0, count: raoBlackwell ? shape.elementCount : shape.drawCount),
      centers: Array(repeating: 0, count: shape.parameters), variate: ControlVariateScratch(control, shape))
  }

  public func estimate(
    _ problem: Problem, _ block: borrowing DrawBlock, state: State, random: inout RandomStream,
    workspace: inout Workspace, into gradients: inout MutableSpan<Double>
  ) {
    if let objective = problem.multiSample {
      for p in workspace.centers.indices { workspace.centers[p] = state.baseline.values[p] }
      gatherWeights(objective, block, &workspace.signal)
      addScore(workspace.signal, centers: workspace.centers, problem, block, &gradients)
      return
    }
    gatherSignal(problem, block, &workspace.signal)
    let factor = weigh(&workspace.signal, samples: block.shape.samples)
    for p in workspace.centers.indices { workspace.centers[p] = factor * state.baseline.values[p] }
    addScore(workspace.signal, centers: workspace.centers, problem, block, &gradients)
    if let quadratic = state.control.quadratic {
      quadratic.evaluate(
        at: block.draws.z, block.shape, values: &workspace.variate.values, gradient: &workspace.variate.gradient)
      _ = weigh(&workspace.variate.values, samples: block.shape.samples)
      workspace.variate.clear()
      // The baselines that go with a control variate have no centers.
      addScore(
        workspace.variate.values, centers: workspace.centers, problem, block, into: &workspace.variate.variate)
      workspace.variate.subtract(state.control, problem, block, from: &gradients)
    }
    problem.addClosedForm(split, at: block.draws, into: &gradients)
  }

  public func adapt(
    _ state: inout State, problem: Problem, block: borrowing DrawBlock, workspace: inout Workspace
  ) {
    state.control.learn(from: workspace.variate, of: problem.terms.subtracting(split.closedForm), problem, block)
    guard !state.baseline.isExact else { return }
    if let objective = problem.multiSample {
      if baseline == .optimal {
        gatherWeights(objective, block, &workspace.signal)
      } else {
        spread(block.evaluation.bounds, over: &workspace.signal)
      }
    } else {
      gatherSignal(problem, block, &workspace.signal)
    }
    let shape = block.shape
    switch baseline {
    case .none, .leaveOneOut: break
    case .mean: state.baseline.learnMean(of: workspace.signal, shape, problem.family, decay: nil)
    case .movingAverage: state.baseline.learnMean(of: workspace.signal, shape, problem.family, decay: decay)
    case .optimal:
      // With A = Σ_k f_k s_k and C = Σ_k s_k of a lane, E[f s²] / E[s²] = E[A C] / E[C²], since E s = 0.
      let zeros = [Double](repeating: 0, count: shape.parameters)
      let ones = [Double](repeating: 1, count: workspace.signal.count)
      var weighted = [Double](repeating: 0, count: shape.parameters * shape.lanes)
      var plain = weighted, alternating = weighted
      var span = weighted.mutableSpan
      addScore(workspace.signal, centers: zeros, problem, block, &span)
      span = plain.mutableSpan
      addScore(ones, centers: zeros, problem, block, &span)
      let perDraw = ones.count / shape.samples, signs = ones.indices.map { $0 / perDraw % 2 == 0 ? 1.0 : -1 }
      span = alternating.mutableSpan
      addScore(signs, centers: zeros, problem, block, &span)
      state.baseline.learnOptimum(weighted: weighted, plain: plain, alternating: alternating, lanes: shape.lanes)
    }
  }

  private func addScore(
    _ weights: [Double], centers: [Double], _ problem: Problem, _ block: borrowing DrawBlock, into sums: inout [Double]
  ) {
    var span = sums.mutableSpan
    addScore(weights, centers: centers, problem, block, &span)
  }

  private func addScore(
    _ weights: [Double], centers: [Double], _ problem: Problem, _ block: borrowing DrawBlock,
    _ gradients: inout MutableSpan<Double>
  ) {
    if raoBlackwell, let family = problem.family as? any FactorizedFamily {
      family.addCoordinateScore(
        weights: weights.span, centers: centers.span, at: block.draws, into: &gradients)
    } else {
      problem.family.addScore(weights: weights.span, centers: centers.span, at: block.draws, into: &gradients)
    }
  }

  /// What multiplies the score of each draw, `[K × B]`: φ − φ_k, or the weight φ_k itself.
  private func gatherWeights(
    _ objective: any MultiSampleObjective, _ block: borrowing DrawBlock, _ signal: inout [Double]
  ) {
    let slopes = block.evaluation.slopes
    guard objective.rule == .gradient else {
      for i in signal.indices { signal[i] = slopes[i] }
      return
    }
    spread(block.evaluation.bounds, over: &signal)
    for i in signal.indices { signal[i] -= slopes[i] }
  }

  /// One number of each lane for all its draws.
  private func spread(_ lanes: [Double], over signal: inout [Double]) {
    for i in signal.indices { signal[i] = lanes[i % lanes.count] }
  }

  /// f of each draw; with `rao_blackwell`, of each draw and coordinate, the other coordinates' terms dropped.
  private func gatherSignal(_ problem: Problem, _ block: borrowing DrawBlock, _ signal: inout [Double]) {
    let shape = block.shape, sampled = problem.terms.subtracting(split.closedForm)
    let own = raoBlackwell ? (problem.model as? any FactorizedModel).map { ownTerms(sampled, $0) } ?? [] : []
    for i in signal.indices { signal[i] = 0 }
    for term in sampled.members {
      let whole = block.evaluation.values(of: term)
      if own.contains(term) {
        let part = block.evaluation.coordinateValues(of: term)
        for i in signal.indices { signal[i] += part[i] }
      } else if !raoBlackwell {
        for i in signal.indices { signal[i] += whole[i] }
      } else {
        for k in 0..<shape.samples {
          for d in 0..<shape.dimension {
            let row = (k * shape.dimension + d) * shape.lanes
            for lane in 0..<shape.lanes { signal[row + lane] += whole[k * shape.lanes + lane] }
          }
        }
      }
    }
  }

  /// Divides the signal by the number of draws that a lane averages over, and returns by what.
  private func weigh(_ signal: inout [Double], samples: Int) -> Double {
    var factor = 1 / Double(samples)
    if baseline == .leaveOneOut {
      subtractMeanOverDraws(&signal, samples: samples)
      factor = 1 / Double(samples - 1)
    }
    for i in signal.indices { signal[i] *= factor }
    return factor
  }

  /// signal_k −= its mean over k. Divided by K − 1 in place of K, each draw's baseline is the mean of the others.
  private func subtractMeanOverDraws(_ signal: inout [Double], samples: Int) {
    let stride = signal.count / samples
    for i in 0..<stride {
      var sum = 0.0
      for k in 0..<samples { sum += signal[k * stride + i] }
      let mean = sum / Double(samples)
      for k in 0..<samples { signal[k * stride + i] -= mean }
    }
  }
}
