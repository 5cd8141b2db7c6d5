public import GradientEstimation
public import Randomness

/// Simultaneous perturbation (SPSA): all parameters are moved at once, by random signs Δ_p = ±1, one vector an estimate,
///
///     ĝ_p = [F̂(λ + c Δ; ε) − F̂(λ − c Δ; ε)] / (2 c Δ_p),   F̂(λ; ε) = (1/K) Σ_k f(g(ε_k, λ); λ)
///
/// Two evaluations a draw whatever P is. What the other parameters do to the difference stays in the estimate, as noise that
/// more draws do not average out: with a gradient g its variance in p is at least Σ_{i ≠ p} g_i².
///
/// - Requires: a family whose draws are a function of noise; values of the model.
/// - Bias: O(c²): the expectation is the mean over signs of the same difference of the objective.
/// - Cost: 2 K evaluations, at points of its own.
/// - Reference: Spall (1992).
public struct SimultaneousPerturbation: GradientEstimator {
  /// c
  public var step = 1e-3

  public init() {}
  public init(step: Double) { self.step = step }

  /// The largest P whose 2^P signs are gone through.
  static let largestEnumeration = 8

  public static let descriptor = Descriptor<Self>(
    id: "spsa", summary: "simultaneous perturbation: a difference along random signs of all parameters, as a reference",
    equation: "[F̂(λ + c Δ; ε) − F̂(λ − c Δ; ε)]/(2 c Δ_p),  Δ_p = ±1",
    notes: [
      Note("Requires", "values of the model; a family whose draws are a function z = g(ε, λ) of noise."),
      Note(
        "Bias",
        "O(c²): its expectation is the mean over signs of the difference of the objective, known where the objective is and P is at most \(largestEnumeration)."
      ),
      Note("Cost", "2 K evaluations an estimate, at points of its own, whatever P."),
      Note(
        "Variance",
        "in parameter p at least the sum of the squares of the gradient's other coordinates: the signs are drawn once an estimate, and more draws do not lower that."
      ),
    ],
    references: [Reference("spall1992")],
    options: [.real("step", \.step, in: RealBounds(lower: 1e-8, upper: 1), "c, by which every parameter is moved")])

  public func requirements(samples: Int, of problem: Problem) throws(EstimatorError) -> Requirements {
    try checkTransformed(problem)
    try problem.checkMeanOfDraws()
    return Requirements(
      quantities: Quantities(), bias: .biased("a mean of differences of the objective, off by O(c²)"),
      evaluations: Double(2 * samples) * problem.dataShare, usesRandomNumbers: true)
  }

  /// Scratch: the signs, `[P × B]`, and the difference of each lane.
  public struct Workspace {
    let moved: OwnDraws
    var signs, difference: [Double]
  }

  public func makeWorkspace(for problem: Problem, shape: Shape) throws(EstimatorError) -> Workspace {
    Workspace(
      moved: OwnDraws(problem, shape, hasLanesOfParameters: true),
      signs: Array(repeating: 0, count: shape.parameters * shape.lanes),
      difference: Array(repeating: 0, count: shape.lanes))
  }

  public func estimate(
    _ problem: Problem, _ block: borrowing DrawBlock, state: NoState, random: inout RandomStream,
    workspace: inout Workspace, into gradients: inout MutableSpan<Double>
  ) {
    guard let family = problem.family as? any TransformedFamily else { return }
    let lanes = block.shape.lanes
    var uniforms = workspace.signs.mutableSpan
    random.fillUniforms(&uniforms)
    for i in workspace.signs.indices { workspace.signs[i] = workspace.signs[i] < 0.5 ? -1 : 1 }
    for lane in workspace.difference.indices { workspace.difference[lane] = 0 }
    workspace.moved.take(block.draws)
    add(step, problem, family, block, &workspace)
    add(-step, problem, family, block, &workspace)
    for i in workspace.signs.indices { gradients[i] += workspace.difference[i % lanes] * workspace.signs[i] }
  }

  /// difference += F̂(λ + c Δ) / 2c, c of either sign.
  private func add(
    _ step: Double, _ problem: Problem, _ family: any TransformedFamily, _ block: borrowing DrawBlock,
    _ workspace: inout Workspace
  ) {
    let moved = workspace.moved
    moved.takeParameters(block.draws)
    for i in workspace.signs.indices { moved.block.draws.parameters[i] += step * workspace.signs[i] }
    family.transform(&moved.block.draws)
    moved.block.evaluate(Quantities(values: problem.terms), of: problem)
    var difference = workspace.difference.mutableSpan
    moved.addValues(of: problem.terms, factor: 1 / (2 * step * Double(block.shape.samples)), to: &difference)
  }

  public func expectedGradient(of problem: Problem, samples: Int, parameters: [Double]) -> [Double]? {
    let count = parameters.count
    guard count <= Self.largestEnumeration else { return nil }
    var gradient = parameters.map { _ in 0.0 }
    // Δ and −Δ give the same: the last sign can stay.
    for bits in 0..<(1 << (count - 1)) {
      let signs = (0..<count).map { bits >> $0 & 1 == 1 ? -1.0 : 1.0 }
      guard let above = problem.exact(at: zip(parameters, signs).map { $0 + step * $1 }),
        let below = problem.exact(at: zip(parameters, signs).map { $0 - step * $1 })
      else { return nil }
      let difference = (above.value - below.value) / (2 * step) / Double(1 << (count - 1))
      for p in gradient.indices { gradient[p] += difference * signs[p] }
    }
    return gradient
  }
}
