internal import CKernels
public import GradientEstimation
public import Randomness

/// Independent gammas, q_λ(z) = Π_d Gamma(z_d; a_d, b_d), a = e^{log_shape}, b = e^{log_rate}: mean a/b, variance a/b².
///
/// - λ: blocks `log_shape` and `log_rate`, D each. Var(∂a) = Var(∂log a)/a².
/// - z = y/b with y ~ Gamma(a, 1), which the noise holds: by Marsaglia and Tsang's rejection (2000) where draws are
///   independent, else the a-quantile of the scheme's uniforms.
/// - score: ∂_{log_shape} log q = a (log y − ψ(a)), ∂_{log_rate} log q = a − y.
/// - pathwise derivative, implicit: ∂z/∂log a = −a (∂F(y; a)/∂a) / (b q(y)), ∂z/∂log b = −z. Figurnov, Mohamed and Mnih (2018).
/// - closed forms: the entropy a − log b + log Γ(a) + (1 − a) ψ(a), and the KL divergence to gamma priors.
public struct MeanFieldGamma: FactorizedFamily, GammaVariateFamily {
  public let dimension: Int
  public var support: Support { .positive }
  public var parameterBlocks: [ParameterBlock] {
    [
      ParameterBlock(name: "log_shape", range: 0..<dimension),
      ParameterBlock(name: "log_rate", range: dimension..<2 * dimension),
    ]
  }
  /// Gamma(1, 1).
  public var initialParameters: [Double] { Array(repeating: 0, count: 2 * dimension) }
  public var pathwiseEntropyIsExact: Bool { false }

  public init(dimension: Int) { self.dimension = dimension }

  public func parameters(of distribution: any Prior) -> [Double]? {
    guard let gammas = distribution as? IndependentGammas, gammas.shape.count == dimension else { return nil }
    return (gammas.shape + gammas.rate).map { wb_log($0) }
  }

  public func coordinate(ofParameter p: Int) -> Int { p % dimension }

  public func sample(_ draws: inout Draws, scheme: any SamplingScheme, random: inout RandomStream) {
    drawVariates(&draws, scheme: scheme, random: &random)
  }

  func transform(
    _ y: UnsafePointer<Double>, _ z: UnsafeMutablePointer<Double>, _ stride: Int, _ parameters: LaneParameters
  ) {
    for d in 0..<dimension { z[d * stride] = y[d * stride] / parameters.positive(dimension + d) }
  }

  public func evaluate(_ needed: Quantities, at draws: borrowing Draws, into evaluation: inout Evaluation) {
    let (d, b) = (dimension, draws.shape.lanes)
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
        forEachRow(draws, cotangents: nil, needsSums: false) { row, draw, _, _, parameters, place in
          values[(place.k * d + row.e) * b + place.lane] = surprisal(row, draw, parameters)
        }
      }
    }
    if needed.gradients.contains(.entropy) {
      evaluation.withGradient(of: .entropy) { gradient in
        forEachRow(draws, cotangents: nil, needsSums: false) { row, draw, _, _, parameters, place in
          gradient[(place.k * d + row.e) * b + place.lane] =
            parameters.positive(d + row.e) * (1 - (row.shape - 1) / draw.y(row.e))
        }
      }
    }
  }

  /// −log q(z_d)
  private func surprisal(_ row: GammaRow, _ draw: GammaDraw, _ parameters: LaneParameters) -> Double {
    let y = draw.y(row.e)
    return wb_log_gamma(row.shape) - parameters[dimension + row.e] - (row.shape - 1) * wb_log(y) + y
  }

  func total(_ parameters: LaneParameters) -> Double { 0 }
  func center(_ e: Int, _ parameters: LaneParameters, digamma: Double, total: Double) -> Double { digamma }
  func statistic(_ e: Int, _ draw: GammaDraw) -> Double { wb_log(draw.y(e)) }
  func sums(_ draw: GammaDraw) -> (y: Double, cotangent: Double) { (0, 0) }
  func pulled(
    _ e: Int, _ draw: GammaDraw, _ parameters: LaneParameters, _ sums: (y: Double, cotangent: Double)
  ) -> Double {
    guard let cotangent = draw.cotangent else { return 0 }
    return cotangent[e * draw.stride] / parameters.positive(dimension + e)
  }
  func entropySlope(
    _ row: GammaRow, _ draw: GammaDraw, _ parameters: LaneParameters, _ sums: (y: Double, cotangent: Double),
    total: Double
  ) -> Double { 1 - (row.shape - 1) / draw.y(row.e) }

  public func addScore(
    weights: Span<Double>, centers: Span<Double>, at draws: borrowing Draws, into gradients: inout MutableSpan<Double>
  ) {
    precondition(weights.count == draws.shape.drawCount, "addScore: weights must be [K × B]")
    addVariateScore(weights: weights, byCoordinate: false, centers: centers, at: draws, into: &gradients)
    addRateScore(weights, byCoordinate: false, centers, draws, &gradients)
  }

  public func addCoordinateScore(
    weights: Span<Double>, centers: Span<Double>, at draws: borrowing Draws, into gradients: inout MutableSpan<Double>
  ) {
    precondition(weights.count == draws.shape.elementCount, "addCoordinateScore: weights must be [K × D × B]")
    addVariateScore(weights: weights, byCoordinate: true, centers: centers, at: draws, into: &gradients)
    addRateScore(weights, byCoordinate: true, centers, draws, &gradients)
  }

  private func addRateScore(
    _ weights: Span<Double>, byCoordinate: Bool, _ centers: Span<Double>, _ draws: borrowing Draws,
    _ gradients: inout MutableSpan<Double>
  ) {
    let (d, b) = (dimension, draws.shape.lanes)
    gradients.withUnsafeMutableBufferPointer { gradients in
      forEachRow(draws, cotangents: nil, needsSums: false) { row, draw, _, _, _, place in
        let weight = weights[(byCoordinate ? place.k * d + row.e : place.k) * b + place.lane]
        gradients[(d + row.e) * b + place.lane] += (weight - centers[d + row.e]) * (row.shape - draw.y(row.e))
      }
    }
  }

  /// gradients += factor Σ_k c ∂z/∂log b = −factor Σ_k c z
  private func addRatePullback(
    _ cotangents: Span<Double>, _ factor: Double, _ draws: borrowing Draws, _ gradients: inout MutableSpan<Double>
  ) {
    let (d, b) = (dimension, draws.shape.lanes)
    let z = draws.z
    for k in 0..<draws.shape.samples {
      for i in 0..<d * b { gradients[d * b + i] -= factor * cotangents[k * d * b + i] * z[k * d * b + i] }
    }
  }

  public func addPathwiseEntropyGradient(
    factor: Double, at draws: borrowing Draws, into gradients: inout MutableSpan<Double>
  ) {
    addVariateEntropy(factor: factor, at: draws, into: &gradients)
    // −log q(y/b) = −log b + (terms in y and a)
    let (d, b) = (dimension, draws.shape.lanes)
    for i in d * b..<2 * d * b { gradients[i] -= factor * Double(draws.shape.samples) }
  }

  public func addPullback(
    cotangents: Span<Double>, factor: Double, at draws: borrowing Draws, into gradients: inout MutableSpan<Double>
  ) {
    addVariatePullback(cotangents: cotangents, factor: factor, at: draws, into: &gradients)
    addRatePullback(cotangents, factor, draws, &gradients)
  }

  public func addGeneralizedGradient(
    _ transformation: GeneralizedTransformation, cotangents: Span<Double>, weights: Span<Double>,
    uniforms: Span<Double>, at draws: borrowing Draws, into gradients: inout MutableSpan<Double>
  ) {
    addVariateGeneralized(
      transformation, cotangents: cotangents, weights: weights, uniforms: uniforms, at: draws, into: &gradients)
    addRatePullback(cotangents, 1, draws, &gradients)
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
    for d in 0..<dimension {
      let a = parameters.positive(d)
      add(d, a * (1 + (1 - a) * wb_trigamma(a)))
      add(dimension + d, -1)
    }
  }

  func gradient(of f: LogPolynomial, _ parameters: LaneParameters, _ total: Double, add: (Int, Double) -> Void) {
    for d in 0..<dimension {
      let a = parameters.positive(d), b = parameters.positive(dimension + d), mean = a / b
      let trigamma = f.logarithm[d] == 0 ? 0 : wb_trigamma(a)
      add(d, f.linear[d] * mean + f.quadratic[d] * mean * (2 * a + 1) / b + f.logarithm[d] * a * trigamma)
      add(dimension + d, -f.linear[d] * mean - 2 * f.quadratic[d] * mean * (a + 1) / b - f.logarithm[d])
    }
  }

  public func exactExpectation(
    of terms: Terms, for model: any Integrand, parameters: [Double]
  ) -> ExactExpectation? {
    let n = dimension, shape = parameters[..<n].map { wb_exp($0) }, rate = parameters[n...].map { wb_exp($0) }
    let entropy = (0..<n).map { d in
      shape[d] - parameters[n + d] + wb_log_gamma(shape[d]) + (1 - shape[d]) * wb_digamma(shape[d])
    }
    return exact(of: terms, for: model, parameters: parameters, entropy: entropy) { f, d in
      let mean = shape[d] / rate[d]
      return f.constant[d] + f.linear[d] * mean + f.quadratic[d] * mean * (shape[d] + 1) / rate[d]
        + f.logarithm[d] * (wb_digamma(shape[d]) - parameters[n + d])
    }
  }
}

/// m = a/b and v = a/b².
extension MeanFieldGamma: IndependentMomentFamily {
  func moments(_ logShape: Double, _ logRate: Double) -> CoordinateMoments {
    let mean = wb_exp(logShape - logRate), variance = wb_exp(logShape - 2 * logRate)
    return CoordinateMoments(mean: mean, meanSlopes: (mean, -mean), varianceSlopes: (variance, -2 * variance))
  }
}

/// `gamma`, by its options.
public struct MeanFieldGammaSpecification: FamilySpecification {
  public init() {}

  public static let descriptor = Descriptor<Self>(
    id: "gamma", summary: "independent gammas, parametrised by log_shape and log_rate",
    equation: "q(z) = Π_d Gamma(z_d; exp(log_shape_d), exp(log_rate_d))",
    notes: [
      Note(
        "Parameters",
        "log_shape [D], log_rate [D]; mean a/b, variance a/b² with a = exp(log_shape), b = exp(log_rate); starts at Gamma(1, 1). Var(∂a) = Var(∂log a)/a²."
      ),
      Note("Support", "positive z."),
      Note(
        "Pathwise",
        "implicit: ∂z/∂a = −(∂F/∂a)/q, with the derivative of the incomplete gamma function in its shape to 11 digits; also rsvi and generalized-reparam."
      ),
      Note("Closed forms", "entropy; KL to gamma priors; expectations of z, z², log z."),
    ],
    references: [
      Reference("figurnov2018", "equation (7), section 4"), Reference("marsaglia2000gamma"),
    ],
    examples: [
      Example(
        points: ["log_shape=1.4,log_rate=0.3", "log_shape=1,log_rate=-0.2"],
        models: ["gamma-poisson", "log", "quadratic"])
    ])

  public func makeFamily(dimension: Int) throws(ComponentError) -> any VariationalFamily {
    MeanFieldGamma(dimension: dimension)
  }
}
