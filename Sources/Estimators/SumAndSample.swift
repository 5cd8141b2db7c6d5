public import GradientEstimation
public import Randomness

/// Sum and sample: the sum over the K − 1 likeliest states C, and one draw z of the others for all that is left, r = 1 − q(C),
///
///     ĝ = Σ_{s ∈ C} q(s) [f(s) − b] ∇_λ log q(s) + r [f(z) − b] ∇_λ log q(z),   z ~ q given that it is not in C
///
/// With b the mean of f over C, which no draw decides. It is the score-function estimator's expectation given whether a draw is in C,
/// and which it is if not. Of an f that depends on λ by its log q nothing is lost: E ∇_λ log q = 0.
///
/// - Requires: values of the model; a family of so few states that all are listed, and no more draws than states.
/// - Bias: none.
/// - Cost: K evaluations, at draws of its own.
/// - Reference: Liu, Regier, Tripuraneni, Jordan and McAuliffe (2019); Kool, van Hoof and Welling (2020), section 2.
public struct SumAndSample: GradientEstimator {
  public var baseline = UnorderedSet.Baseline.builtIn
  public var split = Split.monteCarlo

  public init() {}
  public init(baseline: UnorderedSet.Baseline, split: Split = .monteCarlo) {
    self.baseline = baseline
    self.split = split
  }

  public static let descriptor = Descriptor<Self>(
    id: "sum-and-sample", summary: "the sum over the likeliest states, and one draw of the others for what is left",
    equation: "Σ_{s ∈ C} q(s) [f(s) − b] ∇ log q(s) + (1 − q(C)) [f(z) − b] ∇ log q(z),  z not in C",
    notes: [
      Note(
        "Requires",
        "values of the model; a discrete family of at most \(StateList.limit) states, which are listed; samples of not more than there are states."
      ),
      Note("Bias", "none. The λ in the log q of f adds nothing, E ∇ log q = 0."),
      Note(
        "Cost",
        "K evaluations an estimate, K − 1 of them always at the likeliest states, none at the block's draws, which sampling schemes do not reach; a log q for each state."
      ),
      Note(
        "Variance",
        "(1 − q(C))² times that of a score-function estimate of the states outside C: none where all states are taken."),
      Note("baseline", "built-in: the mean of f over C under q; it needs 2 samples, C being empty with one."),
    ],
    references: [Reference("liu2019"), Reference("kool2020", "section 2")],
    options: [
      .choice("baseline", \.baseline, "what is subtracted from f"),
      .choice("kl", \.split, "which part of the ELBO is taken in closed form"),
    ],
    variants: [["baseline": "none"]])

  public func requirements(samples: Int, of problem: Problem) throws(EstimatorError) -> Requirements {
    try StateList.check(samples: samples, of: problem)
    _ = try problem.sampledTerms(split)
    let isConstant = problem.terms.contains(.entropy) && split == .monteCarlo && baseline == .builtIn
    return Requirements(
      quantities: Quantities(), minimumSamples: baseline == .builtIn ? 2 : 1,
      evaluations: Double(samples) * problem.dataShare, usesRandomNumbers: true,
      claims: isConstant ? .zeroAtPosterior : [])
  }

  /// Scratch: all states and those taken; f and weights of these, `[K × B]`; a uniform number for each lane; the numbers of a lane's
  /// states, `[K]`.
  public struct Workspace {
    var states: StateList
    let chosen: OwnDraws
    var values, weights, uniforms, centers: [Double]
    var places: [Int]
  }

  public func makeWorkspace(for problem: Problem, shape: Shape) throws(EstimatorError) -> Workspace {
    func room(_ count: Int) -> [Double] { Array(repeating: 0, count: count) }
    return Workspace(
      states: try StateList(problem, lanes: shape.lanes), chosen: OwnDraws(problem, shape),
      values: room(shape.drawCount), weights: room(shape.drawCount), uniforms: room(shape.lanes),
      centers: room(shape.parameters), places: Array(repeating: 0, count: shape.samples))
  }

  public func estimate(
    _ problem: Problem, _ block: borrowing DrawBlock, state: NoState, random: inout RandomStream,
    workspace: inout Workspace, into gradients: inout MutableSpan<Double>
  ) {
    let lanes = block.shape.lanes, sampled = problem.terms.subtracting(split.closedForm)
    var uniforms = workspace.uniforms.mutableSpan
    random.fillUniforms(&uniforms)
    workspace.chosen.takeParameters(block.draws)
    workspace.chosen.takeData(block.draws)
    workspace.states.evaluate(at: block.draws, problem)
    for lane in 0..<lanes { workspace.choose(lane) }
    workspace.chosen.block.evaluate(Quantities(values: sampled), of: problem)
    for i in workspace.values.indices { workspace.values[i] = 0 }
    for term in sampled.members {
      let values = workspace.chosen.block.evaluation.values(of: term)
      for i in workspace.values.indices { workspace.values[i] += values[i] }
    }
    for lane in 0..<lanes { workspace.weigh(lane, baseline) }
    problem.family.addScore(
      weights: workspace.weights.span, centers: workspace.centers.span, at: workspace.chosen.block.draws,
      into: &gradients)
    problem.family.addAnalyticGradient(
      of: problem.terms.intersection(split.closedForm), for: problem.model, at: block.draws, into: &gradients)
  }
}

extension SumAndSample.Workspace {
  /// Takes the likeliest states of a lane and a draw of the others; the weights are q(s) and r.
  fileprivate mutating func choose(_ lane: Int) {
    let b = chosen.block.shape.lanes, last = places.count - 1
    for k in 0..<last {
      var best = -1
      for s in 0..<states.count where !places[..<k].contains(s) {
        if best < 0 || states.entropy(of: s, lane: lane) < states.entropy(of: best, lane: lane) { best = s }
      }
      places[k] = best
      weights[k * b + lane] = states.probability(of: best, lane: lane)
    }
    var rest = 0.0
    for s in 0..<states.count where !places[..<last].contains(s) { rest += states.probability(of: s, lane: lane) }
    var left = uniforms[lane] * rest, drawn = -1
    for s in 0..<states.count where left >= 0 && !places[..<last].contains(s) {
      let q = states.probability(of: s, lane: lane)
      // Where rounding leaves something after the last, that is the draw.
      if drawn < 0 || q > 0 { drawn = s }
      left -= q
    }
    places[last] = drawn
    weights[last * b + lane] = rest
    for k in places.indices { states.store(places[k], as: k, lane: lane, in: chosen) }
  }

  /// weights *= f − b
  fileprivate mutating func weigh(_ lane: Int, _ baseline: UnorderedSet.Baseline) {
    let b = chosen.block.shape.lanes, last = places.count - 1
    var center = 0.0
    if baseline == .builtIn, last > 0 {
      // As an offset from the likeliest state's f: equal values leave nothing.
      var sum = 0.0, mass = 0.0
      for k in 0..<last {
        sum += weights[k * b + lane] * (values[k * b + lane] - values[lane])
        mass += weights[k * b + lane]
      }
      center = values[lane] + sum / mass
    }
    for k in places.indices { weights[k * b + lane] *= values[k * b + lane] - center }
  }
}
