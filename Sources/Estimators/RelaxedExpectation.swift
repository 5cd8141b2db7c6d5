internal import CKernels
internal import GradientEstimation

/// What the gradient through the relaxation of one bit is on average, by quadrature over its perturbed logit ζ:
///
///     E[∇f(y) dx/dφ],   x = σ(ζ/τ),  y = x, or the bit that ζ > 0 says with `straightThrough`
///
/// - Returns: `[P]`; nil of more bits, or of one-hot variables.
func relaxedExpectation(
  of terms: Terms, _ problem: Problem, parameters: [Double], temperature: Double, straightThrough: Bool
) -> [Double]? {
  guard problem.model.dimension == 1, let family = problem.family as? any IndependentBernoulliFamily else { return nil }
  let whole = problem.withAllData, pairs = 1000, count = 2 * pairs + 1, end = 3.6, step = end / Double(2 * pairs)
  let shape = whole.shape(samples: 1, lanes: count)
  var block = DrawBlock(shape: shape, parameters: parameters)
  var logits = [Double](repeating: 0, count: count), span = logits.mutableSpan
  family.storeLogits(at: block.draws, into: &span)
  let phi = logits[0]
  var mean = 0.0
  for sign in [-1.0, 1] {
    // ζ = ± s³: fine about 0, where a low temperature makes x steep.
    func zeta(_ i: Int) -> Double { sign * (Double(i) * step) * (Double(i) * step) * (Double(i) * step) }
    for i in 0..<count {
      block.draws.z[i] = straightThrough ? (sign > 0 ? 1 : 0) : wb_sigmoid(zeta(i) / temperature)
    }
    block.evaluate(Quantities(gradients: terms), of: whole)
    for i in 0..<count {
      let x = zeta(i), s = Double(i) * step
      let density = wb_sigmoid(x - phi) * wb_sigmoid(phi - x) * 3 * s * s
      let slope = wb_sigmoid(x / temperature) * wb_sigmoid(-x / temperature) / temperature
      let weight = step / 3 * (i == 0 || i == count - 1 ? 1 : i % 2 == 1 ? 4 : 2)
      for part in terms.parts.members { mean += weight * density * slope * block.evaluation.gradient(of: part)[i] }
    }
  }
  let one = Shape(samples: 1, dimension: 1, parameters: shape.parameters, lanes: 1)
  let lane = DrawBlock(shape: one, parameters: parameters), cotangents = [mean]
  var gradient = [Double](repeating: 0, count: shape.parameters), sums = gradient.mutableSpan
  family.addLogitPullback(cotangents.span, at: lane.draws, into: &sums)
  return gradient
}
