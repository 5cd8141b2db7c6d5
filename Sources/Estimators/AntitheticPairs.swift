internal import GradientEstimation
internal import Randomness

/// A rule for independent Bernoullis that differences f between a draw and its mirror image,
///
///     ĝ_d = (1/K) Σ_k [f(z_k) − f(z̃_k)] a_kd,   z_kd = 1 where u_kd > σ(−φ_d),   z̃_kd = 1 where 1 − u_kd > σ(−φ_d)
///
/// with the gradient in the logits φ then pulled back to λ. f(z_k) is the block's own evaluation, f(z̃_k) one more. Of an f that
/// depends on λ by its log q nothing is lost: E ∇_λ log q = 0.
protocol AntitheticPairEstimator: GradientEstimator where State == NoState, Workspace == AntitheticPairs {
  var split: Split { get }
  /// a of a coordinate, from its u, its bits z and z̃, and its logit φ.
  static func factor(u: Double, z: Double, mirrored: Double, logit: Double) -> Double
}

/// Scratch of a rule that differences f between a draw and its mirror image: the mirror images; f(z̃) − f(z) of each draw, `[K × B]`;
/// logits and their cotangents, `[D × B]`.
public struct AntitheticPairs {
  let mirrored: OwnDraws
  var change, logits, cotangents: [Double]
}

extension AntitheticPairEstimator {
  public func requirements(samples: Int, of problem: Problem) throws(EstimatorError) -> Requirements {
    guard problem.family is any IndependentBernoulliFamily else {
      throw EstimatorError("needs a family of independent Bernoullis, such as 'bernoulli'")
    }
    let sampled = try problem.sampledTerms(split)
    let isConstant = problem.terms.contains(.entropy) && split == .monteCarlo
    return Requirements(
      quantities: Quantities(values: sampled), evaluations: Double(2 * samples) * problem.dataShare,
      claims: isConstant ? [.meanOfDraws, .zeroAtPosterior] : .meanOfDraws)
  }

  public func makeWorkspace(for problem: Problem, shape: Shape) throws(EstimatorError) -> AntitheticPairs {
    func room(_ count: Int) -> [Double] { Array(repeating: 0, count: count) }
    let coordinates = shape.dimension * shape.lanes
    return AntitheticPairs(
      mirrored: OwnDraws(problem, shape), change: room(shape.drawCount), logits: room(coordinates),
      cotangents: room(coordinates))
  }

  public func estimate(
    _ problem: Problem, _ block: borrowing DrawBlock, state: NoState, random: inout RandomStream,
    workspace: inout AntitheticPairs, into gradients: inout MutableSpan<Double>
  ) {
    guard let family = problem.family as? any IndependentBernoulliFamily else { return }
    let sampled = problem.terms.subtracting(split.closedForm)
    workspace.mirror(block, problem, family, sampled)
    let shape = block.shape, (d, b) = (shape.dimension, shape.lanes), scale = 1 / Double(shape.samples)
    var logits = workspace.logits.mutableSpan
    family.storeLogits(at: block.draws, into: &logits)
    for i in workspace.cotangents.indices { workspace.cotangents[i] = 0 }
    let (noise, z, reflected) = (block.draws.noise, block.draws.z, workspace.mirrored.block.draws.z)
    for k in 0..<shape.samples {
      for i in 0..<d {
        for lane in 0..<b {
          let element = (k * d + i) * b + lane
          let a = Self.factor(
            u: noise[element], z: z[element], mirrored: reflected[element], logit: workspace.logits[i * b + lane])
          workspace.cotangents[i * b + lane] -= scale * workspace.change[k * b + lane] * a
        }
      }
    }
    family.addLogitPullback(workspace.cotangents.span, at: block.draws, into: &gradients)
    problem.addClosedForm(split, at: block.draws, into: &gradients)
  }
}

extension AntitheticPairs {
  /// Makes the mirror image of each draw and what f differs by.
  fileprivate mutating func mirror(
    _ block: borrowing DrawBlock, _ problem: Problem, _ family: any IndependentBernoulliFamily, _ sampled: Terms
  ) {
    mirrored.take(block.draws)
    mirrored.takeParameters(block.draws)
    for i in mirrored.block.draws.noise.indices {
      mirrored.block.draws.noise[i] = 1 - mirrored.block.draws.noise[i]
    }
    family.transform(&mirrored.block.draws)
    mirrored.storeChange(of: sampled, problem, from: block, into: &change)
  }
}
