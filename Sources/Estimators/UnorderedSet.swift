internal import CKernels
public import GradientEstimation
public import Randomness

/// The unordered-set estimator: K states drawn without replacement, by Gumbel top-k, each weighted as in the mean over all orders in
/// which their set might have been drawn, and with the others as its baseline,
///
///     ĝ = Σ_{s ∈ S} p(s) R(S, s) [f(s) − b_s] ∇_λ log p(s),   b_s = p(s) f(s) + Σ_{s′ ∈ S∖s} p(s′) R^{∖s}(S, s′) f(s′)
///
/// with p = q_λ and the leave-one-out ratio R(S, s) = P^{∖s}(S∖s)/P(S): P(S) is the probability that the first K are S, and a raised ∖s
/// says that s cannot be drawn; R^{∖s}(S, s′) = P^{∖s,s′}(S∖s,s′)/P^{∖s}(S∖s). See `SetProbabilities` for how they are computed.
/// Of an f that depends on λ by its log q nothing is lost: E ∇_λ log q = 0.
///
/// - Requires: values of the model; a family of so few states that all are listed, and no more draws than states.
/// - Bias: none. E b_s given s is E f, whatever s.
/// - Cost: K evaluations, at draws of its own, and O(2^K K) operations.
/// - Reference: Kool, van Hoof and Welling (2020), sections 3 and 4.
public struct UnorderedSet: GradientEstimator {
  public enum Baseline: String, CaseIterable, Sendable { case builtIn = "built-in", none }
  public var baseline = Baseline.builtIn
  public var split = Split.monteCarlo

  public init() {}
  public init(baseline: Baseline, split: Split = .monteCarlo) {
    self.baseline = baseline
    self.split = split
  }

  /// The most states that are drawn.
  static let largestSet = 12

  public static let descriptor = Descriptor<Self>(
    id: "unordered-set", summary: "states drawn without replacement, weighted as a set, with the others as a baseline",
    equation: "Σ_{s ∈ S} p(s) R(S, s) [f(s) − b_s] ∇_λ log p(s),  R(S, s) = P^{∖s}(S∖s)/P(S)",
    notes: [
      Note(
        "Requires",
        "values of the model; a discrete family of at most \(StateList.limit) states, which are listed; samples of at most \(largestSet), and not more than there are states."
      ),
      Note("Bias", "none. The λ in the log q of f adds nothing, E ∇ log q = 0."),
      Note(
        "Cost",
        "K evaluations an estimate, at draws of its own, which sampling schemes do not reach; a uniform number and a log q for each state, and O(2^K K) operations."
      ),
      Note("Variance", "none where all states are drawn. With baseline=none one draw is the plain score function."),
      Note("baseline", "built-in: an estimate of E f from the other states of the set; it needs 2 samples."),
    ],
    references: [Reference("kool2020", "sections 3 and 4")],
    options: [
      .choice("baseline", \.baseline, "what is subtracted from f"),
      .choice("kl", \.split, "which part of the ELBO is taken in closed form"),
    ],
    variants: [["baseline": "none"]])

  public func requirements(samples: Int, of problem: Problem) throws(EstimatorError) -> Requirements {
    try StateList.check(samples: samples, of: problem, limit: Self.largestSet)
    _ = try problem.sampledTerms(split)
    let isConstant = problem.terms.contains(.entropy) && split == .monteCarlo && baseline == .builtIn
    return Requirements(
      quantities: Quantities(), minimumSamples: baseline == .builtIn ? 2 : 1,
      evaluations: Double(samples) * problem.dataShare, usesRandomNumbers: true,
      claims: isConstant ? .zeroAtPosterior : [])
  }

  /// Scratch: all states and those drawn; when a state's turn comes, `[S × B]`; f and weights of the drawn, `[K × B]`, and what is
  /// left of the probability, `[B]`; of a lane the numbers of the states drawn, `[K]`, and what is known of their set.
  public struct Workspace {
    var states: StateList
    let chosen: OwnDraws
    var turns: [Double]
    var values, weights, rest, centers: [Double]
    var places: [Int]
    var set: SetProbabilities
  }

  public func makeWorkspace(for problem: Problem, shape: Shape) throws(EstimatorError) -> Workspace {
    let states = try StateList(problem, lanes: shape.lanes)
    func room(_ count: Int) -> [Double] { Array(repeating: 0, count: count) }
    return Workspace(
      states: states, chosen: OwnDraws(problem, shape), turns: room(states.count * shape.lanes),
      values: room(shape.drawCount), weights: room(shape.drawCount), rest: room(shape.lanes),
      centers: room(shape.parameters),
      places: Array(repeating: 0, count: shape.samples), set: SetProbabilities(count: shape.samples))
  }

  public func estimate(
    _ problem: Problem, _ block: borrowing DrawBlock, state: NoState, random: inout RandomStream,
    workspace: inout Workspace, into gradients: inout MutableSpan<Double>
  ) {
    let lanes = block.shape.lanes, sampled = problem.terms.subtracting(split.closedForm)
    workspace.draw(block, problem, &random)
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

extension UnorderedSet.Workspace {
  /// Draws when each state's turn comes: exponential, of rate p(s). In order of their turns the states are draws without replacement.
  fileprivate mutating func draw(_ block: borrowing DrawBlock, _ problem: Problem, _ random: inout RandomStream) {
    chosen.takeParameters(block.draws)
    chosen.takeData(block.draws)
    states.evaluate(at: block.draws, problem)
    let lanes = chosen.block.shape.lanes
    var uniforms = turns.mutableSpan
    random.fillUniforms(&uniforms)
    // Logarithms: −log of a Gumbel-perturbed log p.
    for i in turns.indices {
      turns[i] = wb_log(-wb_log(turns[i])) + states.entropy(of: i / lanes, lane: i % lanes)
    }
  }

  /// Takes the K states of a lane whose turns come first, p of each as its weight, and p of the others together.
  fileprivate mutating func choose(_ lane: Int) {
    let b = chosen.block.shape.lanes
    for k in places.indices {
      var first = -1
      for s in 0..<states.count where !places[..<k].contains(s) {
        if first < 0 || turns[s * b + lane] < turns[first * b + lane] { first = s }
      }
      places[k] = first
      states.store(first, as: k, lane: lane, in: chosen)
      weights[k * b + lane] = states.probability(of: first, lane: lane)
    }
    rest[lane] = 0
    for s in 0..<states.count where !places.contains(s) { rest[lane] += states.probability(of: s, lane: lane) }
  }

  /// Weights of the scores of a lane, from p and f of its states.
  fileprivate mutating func weigh(_ lane: Int, _ baseline: UnorderedSet.Baseline) {
    let b = chosen.block.shape.lanes
    for k in places.indices { set.probabilities[k] = weights[k * b + lane] }
    set.fill(rest: rest[lane])
    for k in places.indices {
      var signal = 0.0
      switch baseline {
      case .none: signal = values[k * b + lane]
      case .builtIn:
        // f(s) − b_s, the weights in b_s having the sum 1: equal values leave nothing.
        for j in places.indices where j != k {
          signal += set.share(of: j, without: k) * (values[k * b + lane] - values[j * b + lane])
        }
      }
      weights[k * b + lane] = set.share(of: k) * signal
    }
  }
}

/// Probabilities of sets of states drawn without replacement, of one set S and its subsets.
///
/// With r the probability of the states outside S, the first draws from what is outside and U ⊆ S are all of U with probability
///
///     G(U) = Σ_{s ∈ U} p(s)/(r + p(U)) G(U∖s) = Π_{s ∈ U} p(s) · H(U),   H(U) = Σ_{s ∈ U} H(U∖s)/(r + p(U)),   H(∅) = 1
///
/// and P with states taken out of S is G of what is left: p(s) R(S, s) = H(S∖s)/H(S), p(s′) R^{∖s}(S, s′) = H(S∖s,s′)/H(S∖s). The sum
/// over s of the one is 1 and over s′ of the other 1 − p(s).
struct SetProbabilities {
  /// p of each state of S.
  var probabilities: [Double]
  /// H of each subset, by its bits.
  private var table: [Double]

  init(count: Int) {
    probabilities = Array(repeating: 0, count: count)
    table = Array(repeating: 1, count: 1 << count)
  }

  /// Computes H of all subsets, given r.
  mutating func fill(rest: Double) {
    for subset in 1..<table.count {
      var mass = rest, sum = 0.0
      for s in probabilities.indices where subset >> s & 1 == 1 {
        mass += probabilities[s]
        sum += table[subset ^ 1 << s]
      }
      table[subset] = sum / mass
    }
  }

  /// p(s) R(S, s)
  func share(of s: Int) -> Double { table[table.count - 1 ^ 1 << s] / table[table.count - 1] }

  /// p(s) R^{∖t}(S, s)
  func share(of s: Int, without t: Int) -> Double {
    let whole = table.count - 1 ^ 1 << t
    return table[whole ^ 1 << s] / table[whole]
  }
}
