internal import CKernels
internal import GradientEstimation
internal import Randomness

/// Linear regression with unknown noise under its conjugate prior, the normal-gamma
///
///     τ ~ Gamma(shape, rate),   w | τ ~ N(0, prior_scale²/τ I_D),   y_n | w, τ ~ N(x_n·w, 1/τ)
///
/// as a latent model of z = (w, log τ), D + 1 numbers; `prior` is the density of z.
///
/// - Exact: ELBO and gradient under normals; the evidence, since the posterior is a normal-gamma too, with A = I/prior_scale² + XᵀX,
///   A ŵ = Xᵀ y, shape' = shape + N/2 and rate' = rate + ½ |y − X ŵ|² + ½ |ŵ|²/prior_scale²:
///
///       log p(y) = −½ N log 2π − ½ log |A| − D log prior_scale + shape log rate − shape' log rate' + log Γ(shape')/Γ(shape)
///
///   Murphy (2012), section 7.6.3. No normal is the posterior.
/// - Cost: O(N D²) once, O(D²) an evaluation.
struct NormalGammaRegression: LatentModel, TwiceDifferentiableModel, NormalExpectations {
  /// log p(z) and log p(y | z).
  private let parts: [PrecisionTerm]
  /// ŵ
  let mean: [Double]
  /// S Sᵀ = A⁻¹, upper triangular, `[D × D]`.
  let root: [Double]
  let logEvidence: Double?
  /// shape + (N + D)/2, of q(τ).
  let factorShape: Double
  private let given: (shape: Double, rate: Double, scale: Double)

  init(_ data: RegressionData, shape: Double, rate: Double, priorScale: Double) {
    let n = data.target.count, d = data.design.count / n, size = d + 1
    // Rows of the data and of the target, as R and ρ of |y − X w|²; and under them those of the prior.
    let columns = (0..<d).map { j in (0..<n).map { data.design[$0 * d + j] } } + [data.target]
    let own = triangularFactor(ofColumns: columns), precision = 1 / (priorScale * priorScale)
    let all = triangularFactor(
      ofColumns: (0..<size).map { j in
        (0..<size).map { own[j * size + $0] } + (0..<d).map { $0 == j ? 1 / priorScale : 0 }
      })
    func identity(_ value: Double) -> [Double] {
      (0..<d * d).map { $0 % (d + 1) == 0 ? value : 0 }
    }
    let (count, width) = (Double(n), Double(d))
    parts = [
      PrecisionTerm(
        constant: 0.5 * width * (wb_log(precision) - logTwoPi) + shape * wb_log(rate) - wb_log_gamma(shape),
        slope: 0.5 * width + shape, offset: rate, target: Array(repeating: 0, count: d),
        matrix: identity(1 / priorScale), isDiagonal: true),
      PrecisionTerm(
        constant: -0.5 * count * logTwoPi, slope: 0.5 * count,
        offset: 0.5 * own[size * size - 1] * own[size * size - 1],
        target: Array(own[d * size..<d * size + d]),
        matrix: (0..<d * d).map { $0 % d >= $0 / d ? own[$0 % d * size + $0 / d] : 0 }, isDiagonal: false),
    ]
    // R w = ρ from the last row on; R S = I column by column.
    func solve(_ right: [Double]) -> [Double] {
      var w = right
      for i in (0..<d).reversed() {
        for j in i + 1..<d { w[i] -= all[j * size + i] * w[j] }
        w[i] /= all[i * size + i]
      }
      return w
    }
    mean = solve(Array(all[d * size..<d * size + d]))
    var root = [Double](repeating: 0, count: d * d)
    for k in 0..<d {
      for (i, value) in solve((0..<d).map { $0 == k ? 1 : 0 }).enumerated() { root[i * d + k] = value }
    }
    self.root = root
    let rest = all[size * size - 1], shapeAfter = shape + 0.5 * count, rateAfter = rate + 0.5 * rest * rest
    let logDeterminant = (0..<d).reduce(0) { $0 + 2 * wb_log(all[$1 * size + $1]) }
    let determinants = 0.5 * (width * wb_log(precision) - logDeterminant)
    let gammas = shape * wb_log(rate) - shapeAfter * wb_log(rateAfter) + wb_log_gamma(shapeAfter) - wb_log_gamma(shape)
    let evidence = -0.5 * count * logTwoPi + determinants + gammas
    logEvidence = evidence.isFinite ? evidence : nil
    factorShape = shapeAfter + 0.5 * width
    given = (shape, rate, priorScale)
  }

  /// D
  var coefficients: Int { mean.count }
  var dimension: Int { coefficients + 1 }

  private func part(_ term: Term) -> PrecisionTerm? {
    switch term {
    case .prior: parts[0]
    case .likelihood: parts[1]
    default: nil
    }
  }

  func evaluate(_ needed: Quantities, at draws: borrowing Draws, into evaluation: inout Evaluation) {
    parts[0].store(.prior, needed, at: draws, into: &evaluation)
    parts[1].store(.likelihood, needed, at: draws, into: &evaluation)
  }

  func hessian(of term: Term, at z: [Double]) -> [Double] { part(term)?.hessian(at: z) ?? [] }

  func hermiteMoments(of term: Term, mean: [Double], scale: [Double]) -> HermiteMoments? {
    part(term)?.moments(mean: mean, scale: scale)
  }

  func covarianceMoments(of term: Term, mean: [Double], covariance: [Double]) -> CovarianceMoments? {
    part(term)?.moments(mean: mean, covariance: covariance)
  }
}

/// q(w) q(τ), a normal and a gamma. Drugowitsch (2013), of one scale for all coefficients; Bishop (2006), section 10.3:
///
///     q(w) = N(ŵ, A⁻¹/E τ),   q(τ) = Gamma(shape + (N + D)/2, rate + E[½ |y − X w|² + ½ |w|²/prior_scale²])
///
/// The bound falls short of log p(y) by what w and τ share.
///
/// - Factors: `mean`, `[D]`; `scale`, S of the covariance S Sᵀ, upper triangular, `[D × D]`; `shape`; `rate`.
/// - Cost: O(D³) a sweep or bound.
extension NormalGammaRegression: CoordinateAscentModel {
  private var scaleStart: Int { coefficients }
  private var shapePlace: Int { coefficients * (1 + coefficients) }

  var factorBlocks: [ParameterBlock] {
    [
      ParameterBlock(name: "mean", range: 0..<scaleStart),
      ParameterBlock(name: "scale", range: scaleStart..<shapePlace),
      ParameterBlock(name: "shape", range: shapePlace..<shapePlace + 1),
      ParameterBlock(name: "rate", range: shapePlace + 1..<shapePlace + 2),
    ]
  }

  /// The prior's τ, and w of its spread at standard normal means.
  func initialFactors(random: inout RandomStream) -> [Double] {
    let d = coefficients, spread = given.scale * (given.rate / given.shape).squareRoot()
    var mean = [Double](repeating: 0, count: d), span = mean.mutableSpan
    random.fillNormals(&span)
    return mean + (0..<d * d).map { $0 % (d + 1) == 0 ? spread : 0 } + [given.shape, given.rate]
  }

  func sweep(_ factors: inout [Double]) {
    let spread = (factors[shapePlace + 1] / factors[shapePlace]).squareRoot()
    factors.replaceSubrange(0..<shapePlace, with: mean + root.map { $0 * spread })
    factors[shapePlace] = factorShape
    factors[shapePlace + 1] = heights(factors).reduce(0, +)
  }

  /// With E log τ = ψ(shape) − log rate; entropies are those of w and of log τ.
  func bound(_ factors: [Double]) -> Double {
    let d = coefficients, (shape, rate) = (factors[shapePlace], factors[shapePlace + 1])
    let precision = shape / rate, digamma = wb_digamma(shape), logPrecision = digamma - wb_log(rate)
    var bound = shape + wb_log_gamma(shape) - shape * digamma + 0.5 * Double(d) * (1 + logTwoPi)
    for i in 0..<d { bound += wb_log(factors[scaleStart + i * d + i]) }
    for (part, height) in zip(parts, heights(factors)) {
      bound += part.constant + part.slope * logPrecision - precision * height
    }
    return bound
  }

  /// E h(w) of both terms.
  private func heights(_ factors: [Double]) -> [Double] {
    let mean = Array(factors[..<scaleStart]), scale = Array(factors[scaleStart..<shapePlace])
    return parts.map { $0.meanHeight(mean, scale: scale) }
  }
}
