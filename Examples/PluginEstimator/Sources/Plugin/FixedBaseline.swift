import GradientEstimation
import Randomness

/// The score-function estimator with a baseline that the user gives:
///
///     ĝ = (1/K) Σ_k (f(z_k) − b) ∇_λ log q_λ(z_k)
///
/// - Requires: values of the integrand, and the score of q.
/// - Bias: none, since E ∇_λ log q = 0 and b does not depend on the draws.
/// - Cost: K evaluations.
struct FixedBaseline: GradientEstimator {
  var value = 0.0

  init() {}

  static let descriptor = Descriptor<Self>(
    id: "fixed-baseline", summary: "score function with a baseline that you give",
    equation: "(1/K) Σ_k (f(z_k) − b) ∇_λ log q_λ(z_k)",
    notes: [Note("Bias", "none.")],
    references: [Reference("williams1992")],
    options: [.real("value", \.value, in: .any, "the baseline b")],
    examples: [Example(), Example(options: ["value": "-1"])])

  func requirements(samples: Int, of problem: Problem) throws(EstimatorError) -> Requirements {
    Requirements(
      quantities: Quantities(values: problem.terms), evaluations: Double(samples) * problem.dataShare,
      claims: .meanOfDraws)
  }

  /// Scratch: f of each draw, `[K × B]`, and b for each parameter, `[P]`.
  struct Workspace {
    var weights: [Double]
    var centers: [Double]
  }

  func makeWorkspace(for problem: Problem, shape: Shape) throws(EstimatorError) -> Workspace {
    Workspace(
      weights: Array(repeating: 0, count: shape.drawCount), centers: Array(repeating: 0, count: shape.parameters))
  }

  func estimate(
    _ problem: Problem, _ block: borrowing DrawBlock, state: NoState, random: inout RandomStream,
    workspace: inout Workspace, into gradients: inout MutableSpan<Double>
  ) {
    let factor = 1 / Double(block.shape.samples)
    for i in workspace.weights.indices { workspace.weights[i] = 0 }
    for term in problem.terms.members {
      let values = block.evaluation.values(of: term)
      for i in workspace.weights.indices { workspace.weights[i] += factor * values[i] }
    }
    for p in workspace.centers.indices { workspace.centers[p] = factor * value }
    problem.family.addScore(
      weights: workspace.weights.span, centers: workspace.centers.span, at: block.draws, into: &gradients)
  }
}
