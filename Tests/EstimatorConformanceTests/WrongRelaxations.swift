import Foundation
import GradientEstimation
import Randomness

/// Whether the surrogate's gradient goes through x̃ in the logits.
protocol Path: Sendable, Hashable {
  static var id: String { get }
  static var isThroughConditional: Bool { get }
}
enum WholePath: Path {
  static let id = "relax-by-hand"
  static let isThroughConditional = true
}
enum MissingPath: Path {
  static let id = "relax-without-conditional-path"
  static let isThroughConditional = false
}

/// RELAX of bits as a plug-in would write it, with c(x) = f(x) + 0.4 x − 0.3 x² and x̃ = x. Right with the whole path.
struct RelaxByHand<P: Path>: GradientEstimator {
  static var descriptor: Descriptor<Self> { Descriptor(id: P.id, summary: "RELAX, by hand") }

  func requirements(samples: Int, of problem: Problem) throws(EstimatorError) -> Requirements {
    try problem.checkRelaxation()
    guard problem.family is any IndependentBernoulliFamily else {
      throw EstimatorError("needs a family of independent Bernoullis")
    }
    let draws = Double(samples) * problem.dataShare
    return Requirements(
      quantities: Quantities(values: problem.terms), evaluations: 2 * draws, gradientEvaluations: draws,
      claims: .meanOfDraws)
  }

  func estimate(
    _ problem: Problem, _ block: borrowing DrawBlock, state: NoState, random: inout RandomStream,
    workspace: inout NoWorkspace, into gradients: inout MutableSpan<Double>
  ) {
    guard let family = problem.family as? any LogitFamily else { return }
    let shape = block.shape, (d, b) = (shape.dimension, shape.lanes), factor = 1 / Double(shape.samples), tau = 0.8
    var logits = [Double](repeating: 0, count: d * b), cotangents = logits
    var span = logits.mutableSpan
    family.storeLogits(at: block.draws, into: &span)
    var relaxed = DrawBlock(shape: shape, parameters: block.draws.parameters)
    relaxed.draws.dataIndices = block.draws.dataIndices
    let zeta = block.draws.noise.indices.map { i in
      let u = block.draws.noise[i]
      return logits[i % (d * b)] + log(u / (1 - u))
    }
    relaxed.draws.z = zeta.map { 1 / (1 + exp(-$0 / tau)) }
    relaxed.evaluate(Quantities(values: problem.terms, gradients: problem.terms), of: problem)
    var weights = zip(problem.signal(block), problem.signal(relaxed)).map { factor * ($0 - $1) }
    for i in zeta.indices {
      let x = relaxed.draws.z[i], sign = block.draws.z[i] == 1 ? 1.0 : -1
      weights[i / (d * b) * b + i % b] -= factor * (0.4 * x - 0.3 * x * x)
      var slope = 0.4 - 0.6 * x
      for part in problem.terms.parts.members { slope += relaxed.evaluation.gradient(of: part)[i] }
      let odds = exp(-sign * logits[i % (d * b)]), conditional = (1 - exp(-abs(zeta[i]))) / (1 + odds)
      cotangents[i % (d * b)] += factor * slope * x * (1 - x) / tau * (P.isThroughConditional ? 1 - conditional : 1)
    }
    problem.addScore(weights, block, &gradients)
    family.addLogitPullback(cotangents.span, at: block.draws, into: &gradients)
  }
}
