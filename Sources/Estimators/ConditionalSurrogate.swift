internal import CKernels
internal import GradientEstimation
internal import Randomness

/// A control variate for the score of a discrete draw, of expectation zero whatever the surrogate c: with ζ the perturbed logits
/// that z is a function of, and ζ̃ drawn again given z,
///
///     C = (1/K) Σ_k c(ζ̃_k) ∇_λ log q(z_k) − ∇_λ c(ζ_k) + ∇_λ c(ζ̃_k)
///
/// where the last derivative is through ζ̃ as a function of λ and fresh noise with z held: E[c(ζ̃) ∇ log q(z)] + E ∇c(ζ̃) is
/// ∇ E c(ζ̃) = ∇ E c(ζ). Surrogates are functions of the relaxation x(ζ).
struct ConditionalSurrogate {
  private let isCoupled: Bool
  private var free, conditioned: RelaxedDraws
  /// v and ∇c, `[K × D × B]`; c, `[K × B]`; zeros, `[P]`.
  private var uniforms, slopes, weights, centers: [Double]

  /// - Parameter isCoupled: whether ζ̃ is the number that ζ is, and the two differ as functions of λ alone.
  init(_ problem: Problem, _ shape: Shape, isCoupled: Bool) throws(EstimatorError) {
    self.isCoupled = isCoupled
    free = try RelaxedDraws(problem, shape)
    conditioned = try RelaxedDraws(problem, shape)
    slopes = Array(repeating: 0, count: shape.elementCount)
    uniforms = isCoupled ? [] : slopes
    weights = Array(repeating: 0, count: shape.drawCount)
    centers = Array(repeating: 0, count: shape.parameters)
  }

  /// Makes ζ and ζ̃ of a block.
  mutating func perturb(_ draws: borrowing Draws, random: inout RandomStream) {
    conditioned.take(draws)
    guard !isCoupled else { return conditioned.perturb(draws) }
    free.take(draws)
    free.perturb(draws)
    var span = uniforms.mutableSpan
    random.fillUniforms(&span)
    conditioned.perturb(given: draws, uniforms)
  }

  /// Relaxes at `temperature` and evaluates `terms` there: ∇f at x and x̃, f at x̃ alone.
  mutating func relax(_ temperature: Double, of terms: Terms, _ problem: Problem) {
    conditioned.relax(temperature)
    conditioned.points.block.evaluate(Quantities(values: terms, gradients: terms), of: problem)
    guard !isCoupled else { return }
    free.relax(temperature)
    free.points.block.evaluate(Quantities(gradients: terms), of: problem)
  }

  /// Adds C to `sums`, `[P × B]`, for a surrogate of the f and x that `relax` made.
  mutating func add(
    _ surrogate: some Surrogate, _ temperature: Double, _ problem: Problem, _ block: borrowing DrawBlock,
    into sums: inout [Double]
  ) {
    let factor = 1 / Double(block.shape.samples)
    for i in weights.indices { weights[i] = 0 }
    surrogate.addValues(conditioned.points, factor: factor, to: &weights)
    var span = sums.mutableSpan
    problem.family.addScore(weights: weights.span, centers: centers.span, at: block.draws, into: &span)
    storeGradient(of: surrogate, conditioned.points)
    conditioned.pull(slopes, factor: factor, temperature, given: block.draws, conditional: true)
    if isCoupled {
      conditioned.pull(slopes, factor: -factor, temperature, given: block.draws, conditional: false)
    } else {
      storeGradient(of: surrogate, free.points)
      free.pull(slopes, factor: -factor, temperature, given: block.draws, conditional: false)
      free.addPulled(block.draws, into: &span)
    }
    conditioned.addPulled(block.draws, into: &span)
  }

  private mutating func storeGradient(of surrogate: some Surrogate, _ points: OwnDraws) {
    for i in slopes.indices { slopes[i] = 0 }
    surrogate.addGradient(points, factor: 1, to: &slopes)
  }
}

/// Scratch of a score estimate with such a control variate.
public struct ControlledScore {
  /// The score estimate without a baseline, and the control variate, `[P × B]`.
  private(set) var plain, variate: [Double]
  private var conditional: ConditionalSurrogate
  /// f/K of each draw, `[K × B]`; zeros, `[P]`.
  private var signal, centers: [Double]

  init(_ problem: Problem, _ shape: Shape, isCoupled: Bool) throws(EstimatorError) {
    conditional = try ConditionalSurrogate(problem, shape, isCoupled: isCoupled)
    plain = Array(repeating: 0, count: shape.parameters * shape.lanes)
    variate = plain
    signal = Array(repeating: 0, count: shape.drawCount)
    centers = Array(repeating: 0, count: shape.parameters)
  }

  /// Makes the score estimate of a block, and what the control variate is random by.
  mutating func estimate(_ problem: Problem, _ block: borrowing DrawBlock, random: inout RandomStream) {
    for i in signal.indices { signal[i] = 0 }
    for term in problem.terms.members {
      let values = block.evaluation.values(of: term)
      for i in signal.indices { signal[i] += values[i] / Double(block.shape.samples) }
    }
    for i in plain.indices { plain[i] = 0 }
    Self.addScore(signal, centers, problem, block, into: &plain)
    conditional.perturb(block.draws, random: &random)
  }

  /// Makes the control variate of a surrogate at τ.
  mutating func makeVariate(
    _ surrogate: some Surrogate, _ temperature: Double, _ problem: Problem, _ block: borrowing DrawBlock
  ) {
    conditional.relax(temperature, of: problem.terms, problem)
    for i in variate.indices { variate[i] = 0 }
    conditional.add(surrogate, temperature, problem, block, into: &variate)
  }

  /// Stores the control variate of another surrogate where the last was made.
  mutating func storeVariate(
    _ surrogate: some Surrogate, _ temperature: Double, _ problem: Problem, _ block: borrowing DrawBlock,
    into sums: inout [Double]
  ) {
    for i in sums.indices { sums[i] = 0 }
    conditional.add(surrogate, temperature, problem, block, into: &sums)
  }

  private static func addScore(
    _ weights: [Double], _ centers: [Double], _ problem: Problem, _ block: borrowing DrawBlock,
    into sums: inout [Double]
  ) {
    var span = sums.mutableSpan
    problem.family.addScore(weights: weights.span, centers: centers.span, at: block.draws, into: &span)
  }
}
