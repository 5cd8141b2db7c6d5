public import GradientEstimation
public import Randomness

/// Local expectation gradients: the exact sum over the values of one variable at a time, given the draws of the others,
///
///     ĝ_v = (1/K) Σ_k Σ_c ∇_{φ_v} q(z_v = c) f(z_v = c, z_k without v)
///
/// with the gradient in the logits φ then pulled back to λ. It is the score-function estimator's expectation given the other
/// variables. Of an f that depends on λ by its log q nothing is lost: E ∇_λ log q = 0.
///
/// - Requires: values of the model, a family of independent bits or one-hot variables.
/// - Bias: none; of one variable it is exact.
/// - Cost: for each draw one evaluation, and one for each value that each variable might have had: K (1 + D) for D bits.
/// - Reference: Titsias and Lázaro-Gredilla (2015).
public struct LocalExpectation: GradientEstimator {
  public var split = Split.monteCarlo

  public init() {}
  public init(split: Split) { self.split = split }

  public static let descriptor = Descriptor<Self>(
    id: "local-expectation", summary: "the exact sum over one discrete variable at a time, given draws of the others",
    equation: "(1/K) Σ_k Σ_c ∇_{φ_v} q(z_v = c) f(z_v = c, z_k without v)",
    notes: [
      Note(
        "Requires",
        "values of the model; a family of independent bits or one-hot variables. f is never taken between the states."),
      Note("Bias", "none. The λ in the log q of f adds nothing, E ∇ log q = 0, so that f is summed at one λ."),
      Note(
        "Cost",
        "for each draw one evaluation, and one for each value that each variable might have had: K (1 + D) evaluations for D bits, K (1 + V (C − 1)) for V variables of C categories."
      ),
      Note(
        "Variance",
        "that of the score function given the other variables is taken out, whatever its baseline: one variable has none left, nor has an f that is a sum over the variables."
      ),
    ],
    references: [Reference("titsias2015")],
    options: [.choice("kl", \.split, "which part of the ELBO is taken in closed form")])

  public func requirements(samples: Int, of problem: Problem) throws(EstimatorError) -> Requirements {
    let coordinates = try DiscreteCoordinates(of: problem.family)
    let sampled = try problem.sampledTerms(split)
    let changes = problem.model.dimension / coordinates.width * coordinates.alternatives
    let isConstant = problem.terms.contains(.entropy) && split == .monteCarlo
    return Requirements(
      quantities: Quantities(values: sampled), evaluations: Double(samples * (1 + changes)) * problem.dataShare,
      claims: isConstant ? [.meanOfDraws, .zeroAtPosterior] : .meanOfDraws)
  }

  /// Scratch: the draws with one variable changed; logits, E z and its cotangents, `[D × B]`; the change of f, `[K × B]`.
  public struct Workspace {
    let coordinates: DiscreteCoordinates
    let changed: OwnDraws
    var logits, means, cotangents, change: [Double]
  }

  public func makeWorkspace(for problem: Problem, shape: Shape) throws(EstimatorError) -> Workspace {
    func room(_ count: Int) -> [Double] { Array(repeating: 0, count: count) }
    let count = shape.dimension * shape.lanes
    return Workspace(
      coordinates: try DiscreteCoordinates(of: problem.family), changed: OwnDraws(problem, shape), logits: room(count),
      means: room(count), cotangents: room(count), change: room(shape.drawCount))
  }

  public func estimate(
    _ problem: Problem, _ block: borrowing DrawBlock, state: NoState, random: inout RandomStream,
    workspace: inout Workspace, into gradients: inout MutableSpan<Double>
  ) {
    guard let family = problem.family as? any LogitFamily else { return }
    let shape = block.shape, sampled = problem.terms.subtracting(split.closedForm)
    let coordinates = workspace.coordinates
    var logits = workspace.logits.mutableSpan
    family.storeLogits(at: block.draws, into: &logits)
    coordinates.storeMeans(of: workspace.logits, lanes: shape.lanes, into: &workspace.means)
    for i in workspace.cotangents.indices { workspace.cotangents[i] = 0 }
    workspace.changed.take(block.draws)
    workspace.changed.takeParameters(block.draws)
    for first in stride(from: 0, to: shape.dimension, by: coordinates.width) {
      for step in 1...coordinates.alternatives {
        workspace.change(first, by: step, block, problem, sampled)
        workspace.addChange(of: first, shape)
      }
      workspace.restore(first, block)
    }
    coordinates.pullBack(
      &workspace.cotangents, logits: workspace.logits, means: workspace.means, lanes: shape.lanes)
    family.addLogitPullback(workspace.cotangents.span, at: block.draws, into: &gradients)
    problem.addClosedForm(split, at: block.draws, into: &gradients)
  }
}

extension LocalExpectation.Workspace {
  /// Gives the variable that begins at coordinate `first` another value, the category `step` further on, and stores f there less f
  /// of the draw.
  fileprivate mutating func change(
    _ first: Int, by step: Int, _ block: borrowing DrawBlock, _ problem: Problem, _ sampled: Terms
  ) {
    let (d, b, z) = (block.shape.dimension, block.shape.lanes, block.draws.z), width = coordinates.width
    for k in 0..<block.shape.samples {
      for c in 0..<width {
        let target = (k * d + first + c) * b, source = (k * d + first + (c + step) % width) * b
        for lane in 0..<b {
          changed.block.draws.z[target + lane] = width == 1 ? 1 - z[source + lane] : z[source + lane]
        }
      }
    }
    changed.storeChange(of: sampled, problem, from: block, into: &change)
  }

  /// cotangents += what f changes by, in the coordinate that became 1, and less that in a bit that became 0; a mean over draws.
  fileprivate mutating func addChange(of first: Int, _ shape: Shape) {
    let (d, b) = (shape.dimension, shape.lanes), scale = 1 / Double(shape.samples)
    for k in 0..<shape.samples {
      for i in first..<first + coordinates.width {
        for lane in 0..<b {
          let z = changed.block.draws.z[(k * d + i) * b + lane]
          let sign = coordinates.width == 1 ? 2 * z - 1 : z
          cotangents[i * b + lane] += scale * sign * change[k * b + lane]
        }
      }
    }
  }

  /// Gives the variable its own value again.
  fileprivate mutating func restore(_ first: Int, _ block: borrowing DrawBlock) {
    let (d, b) = (block.shape.dimension, block.shape.lanes)
    for k in 0..<block.shape.samples {
      let start = (k * d + first) * b
      for i in start..<start + coordinates.width * b { changed.block.draws.z[i] = block.draws.z[i] }
    }
  }
}
