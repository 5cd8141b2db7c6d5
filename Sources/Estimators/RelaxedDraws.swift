internal import CKernels
internal import GradientEstimation

/// Draws of independent Bernoullis or categoricals as functions of perturbed logits ζ, and the concrete relaxation x(ζ) of them at
/// a temperature τ:
///
///     bits:     ζ_d = φ_d + log u_d − log(1 − u_d),     z_d = 1 where ζ_d > 0,          x_d = σ(ζ_d/τ)
///     one-hot:  ζ_c = log π_c − log(−log u_c),          z_c = 1 where ζ_c is greatest,  x = softmax(ζ/τ)
///
/// (Maddison, Mnih and Teh 2017; Jang, Gu and Poole 2017). Given z, ζ can be drawn again from what is left of its randomness
/// (Tucker et al. 2017, appendix; Maddison et al. 2014), with v uniform:
///
///     bits:     ζ_d = ± log(1 + e^{± φ_d + …}) = ± softplus(logit v_d + softplus(± φ_d)), + where z_d = 1
///     one-hot:  ζ_b = −log E_b, ζ_c = −log(E_c/π_c + E_b) for c ≠ b, E = −log v, b the category that was drawn
///
/// and its derivative in φ with v held is a function of ζ alone: q(z_d) (1 − e^{−|ζ_d|}) for bits; in log π_c, 1 − e^{ζ_c − ζ_b}.
struct RelaxedDraws {
  private let family: any LogitFamily
  /// C, and 0 for bits.
  private let categories: Int
  private let shape: Shape
  /// φ of bits and log π of categories, of each lane, `[D × B]`.
  private var logits: [Double]
  /// ζ, and cotangents of it, `[K × D × B]`.
  private var perturbed, cotangents: [Double]
  /// Cotangents of the logits, `[D × B]`.
  private var sums: [Double]
  /// Where the model is evaluated: x.
  let points: OwnDraws

  /// - Throws: `EstimatorError` where the family's draws are no such functions, or the model cannot be relaxed.
  static func check(_ problem: Problem) throws(EstimatorError) {
    try problem.checkRelaxation()
    guard problem.family is any IndependentBernoulliFamily || problem.family is any IndependentCategoricalFamily else {
      throw EstimatorError("needs a family of independent Bernoullis or categoricals: 'bernoulli' or 'categorical'")
    }
  }

  init(_ problem: Problem, _ shape: Shape) throws(EstimatorError) {
    try Self.check(problem)
    guard let family = problem.family as? any LogitFamily else {
      throw EstimatorError("needs a family whose logits λ decides")
    }
    self.family = family
    self.shape = shape
    categories = (family as? any IndependentCategoricalFamily)?.categories ?? 0
    logits = Array(repeating: 0, count: shape.dimension * shape.lanes)
    sums = logits
    perturbed = Array(repeating: 0, count: shape.elementCount)
    cotangents = perturbed
    points = OwnDraws(problem, shape)
  }

  /// Takes over λ and the minibatches of `draws`.
  mutating func take(_ draws: borrowing Draws) {
    points.take(draws)
    points.takeParameters(draws)
    let family = family
    var span = logits.mutableSpan
    family.storeLogits(at: draws, into: &span)
    for i in sums.indices { sums[i] = 0 }
    guard categories > 0 else { return }
    Self.forEachVariable(shape, categories, draws: 1) { start, _ in
      var greatest = -Double.infinity, total = 0.0
      for c in 0..<categories { greatest = max(greatest, logits[start + c * shape.lanes]) }
      for c in 0..<categories { total += wb_exp(logits[start + c * shape.lanes] - greatest) }
      let level = greatest + wb_log(total)
      for c in 0..<categories { logits[start + c * shape.lanes] -= level }
    }
  }

  /// ζ as the draws were made.
  mutating func perturb(_ draws: borrowing Draws) {
    let row = shape.dimension * shape.lanes
    for i in perturbed.indices {
      let u = draws.noise[i]
      perturbed[i] = logits[i % row] + (categories > 0 ? -wb_log(-wb_log(u)) : wb_log(u / (1 - u)))
    }
  }

  /// ζ given z, of uniform numbers v, `[K × D × B]`.
  mutating func perturb(given draws: borrowing Draws, _ uniforms: [Double]) {
    guard categories > 0 else {
      let row = shape.dimension * shape.lanes
      for i in perturbed.indices {
        let v = uniforms[i], sign = draws.z[i] > 0.5 ? 1.0 : -1
        perturbed[i] = sign * wb_softplus(wb_log(v / (1 - v)) + wb_softplus(sign * logits[i % row]))
      }
      return
    }
    Self.forEachVariable(shape, categories, draws: shape.samples) { start, own in
      let winner = winner(draws.z, start), top = -wb_log(uniforms[winner])
      for c in 0..<categories {
        let i = start + c * shape.lanes, height = -wb_log(uniforms[i]) * wb_exp(-logits[own + c * shape.lanes])
        perturbed[i] = -wb_log(i == winner ? top : height + top)
      }
    }
  }

  /// x(ζ) at τ, as the points where the model is evaluated.
  mutating func relax(_ temperature: Double) {
    let scale = 1 / temperature
    guard categories > 0 else {
      for i in perturbed.indices { points.block.draws.z[i] = wb_sigmoid(perturbed[i] * scale) }
      return
    }
    Self.forEachVariable(shape, categories, draws: shape.samples) { start, _ in
      var greatest = -Double.infinity, total = 0.0
      for c in 0..<categories { greatest = max(greatest, perturbed[start + c * shape.lanes]) }
      for c in 0..<categories {
        let i = start + c * shape.lanes, weight = wb_exp((perturbed[i] - greatest) * scale)
        points.block.draws.z[i] = weight
        total += weight
      }
      for c in 0..<categories { points.block.draws.z[start + c * shape.lanes] /= total }
    }
  }

  /// Adds factor · Σ_k (∂x_k/∂φ)ᵀ g_k to the cotangents of the logits, for g `[K × D × B]`: with u held, or with v where
  /// ζ is `given` z.
  mutating func pull(
    _ gradient: [Double], factor: Double, _ temperature: Double, given draws: borrowing Draws, conditional: Bool
  ) {
    let scale = factor / temperature, row = shape.dimension * shape.lanes
    guard categories > 0 else {
      for i in perturbed.indices {
        let x = points.block.draws.z[i]
        var slope = scale * x * wb_sigmoid(-perturbed[i] / temperature)
        if conditional {
          let sign = draws.z[i] > 0.5 ? 1.0 : -1
          slope *= wb_sigmoid(sign * logits[i % row]) * (1 - wb_exp(-abs(perturbed[i])))
        }
        sums[i % row] += slope * gradient[i]
      }
      return
    }
    Self.forEachVariable(shape, categories, draws: shape.samples) { start, own in
      var mean = 0.0, total = 0.0
      for c in 0..<categories {
        let i = start + c * shape.lanes
        mean += points.block.draws.z[i] * gradient[i]
      }
      let winner = conditional ? winner(draws.z, start) : start
      for c in 0..<categories {
        let i = start + c * shape.lanes
        cotangents[i] = scale * points.block.draws.z[i] * (gradient[i] - mean)
        if conditional { cotangents[i] *= i == winner ? 0 : 1 - wb_exp(perturbed[i] - perturbed[winner]) }
        total += cotangents[i]
      }
      for c in 0..<categories {
        let j = own + c * shape.lanes
        sums[j] += cotangents[start + c * shape.lanes] - (conditional ? total * wb_exp(logits[j]) : 0)
      }
    }
  }

  /// Adds what was pulled to `gradients`, and forgets it.
  mutating func addPulled(_ draws: borrowing Draws, into gradients: inout MutableSpan<Double>) {
    family.addLogitPullback(sums.span, at: draws, into: &gradients)
    for i in sums.indices { sums[i] = 0 }
  }

  private func winner(_ z: [Double], _ start: Int) -> Int {
    var i = start
    for c in 0..<categories where z[start + c * shape.lanes] > 0.5 { i = start + c * shape.lanes }
    return i
  }

  /// Calls `body` for each one-hot variable of each draw, with where its first category is in `[K × D × B]` and in `[D × B]`.
  private static func forEachVariable(
    _ shape: Shape, _ categories: Int, draws: Int, _ body: (_ start: Int, _ own: Int) -> Void
  ) {
    let row = shape.dimension * shape.lanes
    for k in 0..<draws {
      for variable in stride(from: 0, to: shape.dimension, by: categories) {
        for lane in 0..<shape.lanes { body(k * row + variable * shape.lanes + lane, variable * shape.lanes + lane) }
      }
    }
  }
}
