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

  /// Adds C to `sums`, with c the sum of `terms` where x is made at `temperature`.
  mutating func addVariate(
    of terms: Terms, _ problem: Problem, _ block: borrowing DrawBlock, _ temperature: Double,
    into sums: inout [Double]
  ) {
    relax(temperature, of: terms, problem)
    add(temperature, problem, block, into: &sums) { points, values, gradient in
      points.addValues(of: terms, to: &values)
      points.addGradient(of: terms, to: &gradient)
    }
  }

  /// Relaxes at `temperature` and evaluates `terms` there.
  mutating func relax(_ temperature: Double, of terms: Terms, _ problem: Problem) {
    conditioned.relax(temperature)
    conditioned.points.block.evaluate(Quantities(values: terms, gradients: terms), of: problem)
    guard !isCoupled else { return }
    free.relax(temperature)
    free.points.block.evaluate(Quantities(values: terms, gradients: terms), of: problem)
  }

  /// Adds C to `sums` for the c that `surrogate` adds to values, `[K × B]`, and ∇_x to a gradient, `[K × D × B]`, both zeroed.
  mutating func add(
    _ temperature: Double, _ problem: Problem, _ block: borrowing DrawBlock, into sums: inout [Double],
    _ surrogate: (_ points: OwnDraws, _ values: inout [Double], _ gradient: inout [Double]) -> Void
  ) {
    let factor = 1 / Double(block.shape.samples)
    evaluate(conditioned.points, surrogate)
    for i in weights.indices { weights[i] *= factor }
    var span = sums.mutableSpan
    problem.family.addScore(weights: weights.span, centers: centers.span, at: block.draws, into: &span)
    conditioned.pull(slopes, factor: factor, temperature, given: block.draws, conditional: true)
    if isCoupled {
      conditioned.pull(slopes, factor: -factor, temperature, given: block.draws, conditional: false)
    } else {
      evaluate(free.points, surrogate)
      free.pull(slopes, factor: -factor, temperature, given: block.draws, conditional: false)
      free.addPulled(block.draws, into: &span)
    }
    conditioned.addPulled(block.draws, into: &span)
  }

  private mutating func evaluate(
    _ points: OwnDraws,
    _ surrogate: (_ points: OwnDraws, _ values: inout [Double], _ gradient: inout [Double]) -> Void
  ) {
    for i in weights.indices { weights[i] = 0 }
    for i in slopes.indices { slopes[i] = 0 }
    surrogate(points, &weights, &slopes)
  }
}

extension OwnDraws {
  /// Adds factor · f of each draw, `[K × B]`.
  func addValues(of terms: Terms, factor: Double = 1, to values: inout [Double]) {
    for term in terms.members {
      let part = block.evaluation.values(of: term)
      for i in values.indices { values[i] += factor * part[i] }
    }
  }

  /// Adds factor · ∇f of each draw, `[K × D × B]`.
  func addGradient(of terms: Terms, factor: Double = 1, to gradient: inout [Double]) {
    for sum in terms.parts.members {
      let part = block.evaluation.gradient(of: sum)
      for i in gradient.indices { gradient[i] += factor * part[i] }
    }
  }
}

/// A temperature that descends on the variance of an estimator, in log τ by steps of a size that the slope's own size sets (as
/// Adam's), within bounds.
struct LearnedTemperature: Codable, Hashable, Sendable {
  private(set) var logarithm: Double
  private var slope = 0.0, square = 0.0, count = 0.0

  var value: Double { wb_exp(logarithm) }
  /// By which log τ is moved to see what the variance does.
  static let probe = 0.1
  private static let (lowest, highest) = (-3.0, 3.0)
  /// The step of a batch of 64 estimates; of fewer, in proportion.
  private static let rate = 0.05

  init(_ temperature: Double) { logarithm = wb_log(temperature) }
  /// τ e^{shift}
  func moved(by shift: Double) -> Double { wb_exp(logarithm + shift) }

  /// Takes a step, given E ĝ² at τ e^{−probe} and τ e^{probe} on the same draws of so many `lanes`.
  mutating func step(below: Double, above: Double, lanes: Int) {
    let found = above - below, size = above + below
    guard found.isFinite, size > 0 else { return }
    let relative = found / size
    count += 1
    slope += 0.1 * (relative - slope)
    square += 0.01 * (relative * relative - square)
    let (mean, meanSquare) = (slope / (1 - power(0.9)), square / (1 - power(0.99)))
    guard meanSquare > 0 else { return }
    let rate = Self.rate * min(1, Double(lanes) / 64)
    logarithm = min(max(logarithm - rate * mean / meanSquare.squareRoot(), Self.lowest), Self.highest)
  }

  private func power(_ base: Double) -> Double { wb_exp(count * wb_log(base)) }
}
