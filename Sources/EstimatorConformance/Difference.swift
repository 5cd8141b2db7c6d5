internal import ExperimentRunner
internal import GradientEstimation
internal import Randomness

/// The difference of two estimators on the same draws, whose expectation is zero if both are right: what an estimator is
/// held to where no exact gradient is known.
struct Difference<A: GradientEstimator, B: GradientEstimator>: GradientEstimator {
  private var first = A()
  private var second = B()

  init() {}
  init(_ first: A, _ second: B) {
    self.first = first
    self.second = second
  }

  static var descriptor: Descriptor<Self> { Descriptor(id: "difference", summary: "the difference of two estimators") }

  struct State: Codable, Sendable {
    var first: A.State
    var second: B.State
  }

  struct Workspace {
    var first: A.Workspace
    var second: B.Workspace
    /// The second's gradients, `[P × B]`.
    var gradients: [Double]
  }

  func requirements(samples: Int, of problem: Problem) throws(EstimatorError) -> Requirements {
    let a = try first.requirements(samples: samples, of: problem)
    let b = try second.requirements(samples: samples, of: problem)
    return Requirements(
      quantities: a.quantities.union(b.quantities), minimumSamples: max(a.minimumSamples, b.minimumSamples),
      evaluations: a.evaluations + b.evaluations,
      gradientEvaluations: a.gradientEvaluations + b.gradientEvaluations,
      learningEvaluations: a.learningEvaluations + b.learningEvaluations,
      learningGradientEvaluations: a.learningGradientEvaluations + b.learningGradientEvaluations,
      usesRandomNumbers: a.usesRandomNumbers || b.usesRandomNumbers,
      needsIndependentDraws: a.needsIndependentDraws || b.needsIndependentDraws)
  }

  func initialState(for problem: Problem, parameters: [Double]) -> State {
    State(
      first: first.initialState(for: problem, parameters: parameters),
      second: second.initialState(for: problem, parameters: parameters))
  }

  func warmUp(for state: State) -> WarmUp? { first.warmUp(for: state.first) ?? second.warmUp(for: state.second) }

  func makeWorkspace(for problem: Problem, shape: Shape) throws(EstimatorError) -> Workspace {
    Workspace(
      first: try first.makeWorkspace(for: problem, shape: shape),
      second: try second.makeWorkspace(for: problem, shape: shape),
      gradients: Array(repeating: 0, count: shape.parameters * shape.lanes))
  }

  func estimate(
    _ problem: Problem, _ block: borrowing DrawBlock, state: State, random: inout RandomStream,
    workspace: inout Workspace, into gradients: inout MutableSpan<Double>
  ) {
    first.estimate(
      problem, block, state: state.first, random: &random, workspace: &workspace.first, into: &gradients)
    estimateSecond(problem, block, state.second, &random, &workspace.second, &workspace.gradients)
    for i in gradients.indices { gradients[i] -= workspace.gradients[i] }
  }

  private func estimateSecond(
    _ problem: Problem, _ block: borrowing DrawBlock, _ state: B.State, _ random: inout RandomStream,
    _ workspace: inout B.Workspace, _ scratch: inout [Double]
  ) {
    for i in scratch.indices { scratch[i] = 0 }
    var span = scratch.mutableSpan
    second.estimate(problem, block, state: state, random: &random, workspace: &workspace, into: &span)
  }

  func adapt(_ state: inout State, problem: Problem, block: borrowing DrawBlock, workspace: inout Workspace) {
    first.adapt(&state.first, problem: problem, block: block, workspace: &workspace.first)
    second.adapt(&state.second, problem: problem, block: block, workspace: &workspace.second)
  }
}

extension Entry {
  /// The difference of this estimator and another, under this one's text.
  func minus(_ other: Entry, in cell: Cell) throws -> Entry {
    func open<A: GradientEstimator, B: GradientEstimator>(_ a: A, _ b: B) -> any GradientEstimator { Difference(a, b) }
    let difference = open(estimator, other.estimator)
    let requirements = try difference.requirements(samples: cell.samples, of: cell.problem)
    return Entry(estimator: difference, text: text, requirements: requirements)
  }
}
