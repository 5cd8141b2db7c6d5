internal import CKernels
public import GradientEstimation
public import Randomness

/// Independent betas, q_λ(z) = Π_d z_d^{a_d−1} (1 − z_d)^{b_d−1}/B(a_d, b_d), a = e^{log_a}, b = e^{log_b}.
///
/// - λ: blocks `log_a` and `log_b`, D each.
/// - z = y/(y + y′) with y ~ Gamma(a, 1) and y′ ~ Gamma(b, 1), which the noise holds: E = 2D.
/// - score: ∂_{log a} log q = a (log z − ψ(a) + ψ(a + b)), and with 1 − z in b.
/// - pathwise derivative: through y and y′, each implicit. Figurnov, Mohamed and Mnih (2018), section 4. It is unbiased as
///   −(∂F/∂a)/q of the incomplete beta function is; that is its mean given z, and so of no more variance.
/// - closed forms: the entropy, and the KL divergence to beta priors.
public struct MeanFieldBeta: FactorizedFamily, GammaVariateFamily {
  public let dimension: Int
  public var noiseDimension: Int { 2 * dimension }
  public var support: Support { .unitInterval }
  public var parameterBlocks: [ParameterBlock] {
    [
      ParameterBlock(name: "log_a", range: 0..<dimension),
      ParameterBlock(name: "log_b", range: dimension..<2 * dimension),
    ]
  }
  /// The uniform distribution.
  public var initialParameters: [Double] { Array(repeating: 0, count: 2 * dimension) }
  public var pathwiseEntropyIsExact: Bool { false }

  public init(dimension: Int) { self.dimension = dimension }

  public func parameters(of distribution: any Prior) -> [Double]? {
    guard let betas = distribution as? IndependentBetas, betas.a.count == dimension else { return nil }
    return (betas.a + betas.b).map { wb_log($0) }
  }

  public func coordinate(ofParameter p: Int) -> Int { p % dimension }

  public func sample(_ draws: inout Draws, scheme: any SamplingScheme, random: inout RandomStream) {
    drawVariates(&draws, scheme: scheme, random: &random)
  }

  func transform(
    _ y: UnsafePointer<Double>, _ z: UnsafeMutablePointer<Double>, _ stride: Int, _ parameters: LaneParameters
  ) {
    for d in 0..<dimension {
      let first = y[d * stride]
      z[d * stride] = first / (first + y[(dimension + d) * stride])
    }
  }

  public func evaluate(_ needed: Quantities, at draws: borrowing Draws, into evaluation: inout Evaluation) {
    let (n, b) = (dimension, draws.shape.lanes)
    if needed.values.contains(.entropy) {
      evaluation.withValues(of: .entropy) { values in
        values.update(repeating: 0)
        forEachRow(draws, cotangents: nil, needsSums: false) { row, draw, _, _, parameters, place in
          values[place.k * b + place.lane] += surprisal(row, draw, parameters)
        }
      }
    }
    if needed.coordinateValues.contains(.entropy) {
      evaluation.withCoordinateValues(of: .entropy) { values in
        values.update(repeating: 0)
        forEachRow(draws, cotangents: nil, needsSums: false) { row, draw, _, _, parameters, place in
          values[(place.k * n + row.e % n) * b + place.lane] += surprisal(row, draw, parameters)
        }
      }
    }
    if needed.gradients.contains(.entropy) {
      evaluation.withGradient(of: .entropy) { gradient in
        gradient.update(repeating: 0)
        forEachRow(draws, cotangents: nil, needsSums: false) { row, draw, _, _, _, place in
          let part = (row.shape - 1) / share(row.e, draw)
          gradient[(place.k * n + row.e % n) * b + place.lane] += row.e < n ? -part : part
        }
      }
    }
  }

  /// The part of row e in −log q(z_d).
  private func surprisal(_ row: GammaRow, _ draw: GammaDraw, _ parameters: LaneParameters) -> Double {
    wb_log_gamma(row.shape) - (row.shape - 1) * statistic(row.e, draw)
      - (row.e < dimension ? wb_log_gamma(sum(row.e, parameters)) : 0)
  }

  /// z_d, or 1 − z_d without cancellation.
  private func share(_ e: Int, _ draw: GammaDraw) -> Double {
    e < dimension ? draw.z(e) : draw.y(e) / (draw.y(e) + draw.y(e - dimension))
  }
  /// a + b
  private func sum(_ e: Int, _ parameters: LaneParameters) -> Double {
    parameters.positive(e) + parameters.positive(e < dimension ? e + dimension : e - dimension)
  }

  func total(_ parameters: LaneParameters) -> Double { 0 }
  func center(_ e: Int, _ parameters: LaneParameters, digamma: Double, total: Double) -> Double {
    digamma - wb_digamma(sum(e, parameters))
  }
  func statistic(_ e: Int, _ draw: GammaDraw) -> Double { wb_log(share(e, draw)) }
  func sums(_ draw: GammaDraw) -> (y: Double, cotangent: Double) { (0, 0) }
  func pulled(
    _ e: Int, _ draw: GammaDraw, _ parameters: LaneParameters, _ sums: (y: Double, cotangent: Double)
  ) -> Double {
    guard let cotangent = draw.cotangent else { return 0 }
    let d = e % dimension, both = draw.y(d) + draw.y(d + dimension)
    let other = share(e < dimension ? d + dimension : d, draw)
    return cotangent[d * draw.stride] * (e < dimension ? other : -other) / both
  }
  func entropySlope(
    _ row: GammaRow, _ draw: GammaDraw, _ parameters: LaneParameters, _ sums: (y: Double, cotangent: Double),
    total: Double
  ) -> Double {
    let d = row.e % dimension, both = draw.y(d) + draw.y(d + dimension)
    return (sum(row.e, parameters) - 2) / both - (row.shape - 1) / draw.y(row.e)
  }

  public func addScore(
    weights: Span<Double>, centers: Span<Double>, at draws: borrowing Draws, into gradients: inout MutableSpan<Double>
  ) {
    precondition(weights.count == draws.shape.drawCount, "addScore: weights must be [K × B]")
    addVariateScore(weights: weights, byCoordinate: false, centers: centers, at: draws, into: &gradients)
  }

  public func addCoordinateScore(
    weights: Span<Double>, centers: Span<Double>, at draws: borrowing Draws, into gradients: inout MutableSpan<Double>
  ) {
    precondition(weights.count == draws.shape.elementCount, "addCoordinateScore: weights must be [K × D × B]")
    addVariateScore(weights: weights, byCoordinate: true, centers: centers, at: draws, into: &gradients)
  }

  public func addPathwiseEntropyGradient(
    factor: Double, at draws: borrowing Draws, into gradients: inout MutableSpan<Double>
  ) {
    addVariateEntropy(factor: factor, at: draws, into: &gradients)
  }

  public func addPullback(
    cotangents: Span<Double>, factor: Double, at draws: borrowing Draws, into gradients: inout MutableSpan<Double>
  ) {
    addVariatePullback(cotangents: cotangents, factor: factor, at: draws, into: &gradients)
  }

  public func addGeneralizedGradient(
    _ transformation: GeneralizedTransformation, cotangents: Span<Double>, weights: Span<Double>,
    uniforms: Span<Double>, at draws: borrowing Draws, into gradients: inout MutableSpan<Double>
  ) {
    addVariateGeneralized(
      transformation, cotangents: cotangents, weights: weights, uniforms: uniforms, at: draws, into: &gradients)
  }

  public func analyticTerms(for model: any Integrand) -> Terms {
    logPolynomial(ofPrior: model) == nil ? .entropy : [.entropy, .prior]
  }

  public func addAnalyticGradient(
    of terms: Terms, for model: any Integrand, at draws: borrowing Draws, into gradients: inout MutableSpan<Double>
  ) {
    addClosedForms(of: terms, for: model, at: draws, into: &gradients)
  }

  func entropyGradient(_ parameters: LaneParameters, _ total: Double, add: (Int, Double) -> Void) {
    for e in 0..<2 * dimension {
      let a = parameters.positive(e), both = sum(e, parameters)
      add(e, a * ((both - 2) * wb_trigamma(both) - (a - 1) * wb_trigamma(a)))
    }
  }

  func gradient(of f: LogPolynomial, _ parameters: LaneParameters, _ total: Double, add: (Int, Double) -> Void) {
    for e in 0..<2 * dimension {
      let d = e % dimension, own = parameters.positive(e), both = sum(e, parameters)
      let a = parameters.positive(d), mean = a / both, square = mean * (a + 1) / (both + 1)
      // ∂/∂own of log E z and of log E z².
      let isFirst = e < dimension
      let first = (isFirst ? 1 / a : 0) - 1 / both
      let second = first + (isFirst ? 1 / (a + 1) : 0) - 1 / (both + 1)
      let logarithm = f.logarithm[d], complement = f.complement[d]
      let logs = (isFirst ? logarithm : complement) * wb_trigamma(own) - (logarithm + complement) * wb_trigamma(both)
      add(e, own * (f.linear[d] * mean * first + f.quadratic[d] * square * second + logs))
    }
  }

  public func exactExpectation(
    of terms: Terms, for model: any Integrand, parameters: [Double]
  ) -> ExactExpectation? {
    let n = dimension, shapes = parameters.map { wb_exp($0) }
    let entropy = (0..<n).map { d in
      let (a, b) = (shapes[d], shapes[n + d])
      let logs = wb_log_gamma(a) + wb_log_gamma(b) - wb_log_gamma(a + b)
      return logs - (a - 1) * wb_digamma(a) - (b - 1) * wb_digamma(b) + (a + b - 2) * wb_digamma(a + b)
    }
    return exact(of: terms, for: model, parameters: parameters, entropy: entropy) { f, d in
      let (a, b) = (shapes[d], shapes[n + d]), mean = a / (a + b), digamma = wb_digamma(a + b)
      let moments = f.linear[d] * mean + f.quadratic[d] * mean * (a + 1) / (a + b + 1)
      return f.constant[d] + moments + f.logarithm[d] * (wb_digamma(a) - digamma)
        + f.complement[d] * (wb_digamma(b) - digamma)
    }
  }
}

/// m = a/n and v = m (1 − m)/(n + 1), n = a + b.
extension MeanFieldBeta: IndependentMomentFamily {
  func moments(_ logA: Double, _ logB: Double) -> CoordinateMoments {
    let (a, b) = (wb_exp(logA), wb_exp(logB)), n = a + b, mean = a / n, slope = mean * (b / n)
    let tilt = (b - a) / n * slope / (n + 1), variance = slope / (n + 1)
    return CoordinateMoments(
      mean: mean, meanSlopes: (slope, -slope),
      varianceSlopes: (tilt - variance * a / (n + 1), -tilt - variance * b / (n + 1)))
  }
}

/// `beta`, by its options.
public struct MeanFieldBetaSpecification: FamilySpecification {
  public init() {}

  public static let descriptor = Descriptor<Self>(
    id: "beta", summary: "independent betas, parametrised by log_a and log_b",
    equation: "q(z) = Π_d z_d^(a_d−1) (1 − z_d)^(b_d−1)/B(a_d, b_d),  a = exp(log_a), b = exp(log_b)",
    notes: [
      Note("Parameters", "log_a [D], log_b [D]; starts at the uniform distribution."),
      Note("Support", "z between 0 and 1."),
      Note(
        "Pathwise",
        "through z = y/(y + y′) with gammas y and y′, each implicit in its shape; also rsvi and generalized-reparam of them."
      ),
      Note("Closed forms", "entropy; KL to beta priors; expectations of z, z², log z, log(1 − z)."),
    ],
    references: [Reference("figurnov2018", "section 4"), Reference("marsaglia2000gamma")],
    examples: [Example(points: ["log_a=1.1,log_b=0.7", "log_a=0.8,log_b=1.5"], models: ["quadratic", "log"])])

  public func makeFamily(dimension: Int) throws(ComponentError) -> any VariationalFamily {
    MeanFieldBeta(dimension: dimension)
  }
}
