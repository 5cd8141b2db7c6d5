internal import CKernels
public import GradientEstimation
public import Randomness

/// The Dirichlet family, q_λ(z) = Γ(Σα) Π_i z_i^{α_i−1}/Γ(α_i) on the simplex, α = e^{log_concentration}.
///
/// - λ: block `log_concentration`, D; at least two coordinates, of which D − 1 are free.
/// - z = y/Σy with y_i ~ Gamma(α_i, 1), which the noise holds.
/// - score: ∂_{log α_i} log q = α_i (log z_i − ψ(α_i) + ψ(Σα)).
/// - pathwise derivative: through the y_i, each implicit. Figurnov, Mohamed and Mnih (2018), section 4.
/// - closed forms: the entropy, and the KL divergence to a Dirichlet prior.
public struct DirichletFamily: GammaVariateFamily {
  public let dimension: Int
  public var support: Support { .simplex }
  public var parameterBlocks: [ParameterBlock] { [ParameterBlock(name: "log_concentration", range: 0..<dimension)] }
  /// The uniform distribution on the simplex.
  public var initialParameters: [Double] { Array(repeating: 0, count: dimension) }
  public var pathwiseEntropyIsExact: Bool { false }

  public init(dimension: Int) { self.dimension = dimension }

  public func parameters(of distribution: any Prior) -> [Double]? {
    guard let dirichlet = distribution as? Dirichlet, dirichlet.concentration.count == dimension else { return nil }
    return dirichlet.concentration.map { wb_log($0) }
  }

  public func sample(_ draws: inout Draws, scheme: any SamplingScheme, random: inout RandomStream) {
    drawVariates(&draws, scheme: scheme, random: &random)
  }

  func transform(
    _ y: UnsafePointer<Double>, _ z: UnsafeMutablePointer<Double>, _ stride: Int, _ parameters: LaneParameters
  ) {
    var sum = 0.0
    for d in 0..<dimension { sum += y[d * stride] }
    for d in 0..<dimension { z[d * stride] = y[d * stride] / sum }
  }

  public func evaluate(_ needed: Quantities, at draws: borrowing Draws, into evaluation: inout Evaluation) {
    let (n, b) = (dimension, draws.shape.lanes)
    if needed.values.contains(.entropy) {
      evaluation.withValues(of: .entropy) { values in
        values.update(repeating: 0)
        forEachRow(draws, cotangents: nil, needsSums: false) { row, draw, _, total, _, place in
          values[place.k * b + place.lane] +=
            wb_log_gamma(row.shape) - (row.shape - 1) * wb_log(draw.z(row.e)) - (row.e == 0 ? wb_log_gamma(total) : 0)
        }
      }
    }
    if needed.gradients.contains(.entropy) {
      evaluation.withGradient(of: .entropy) { gradient in
        forEachRow(draws, cotangents: nil, needsSums: false) { row, draw, _, _, _, place in
          gradient[(place.k * n + row.e) * b + place.lane] = -(row.shape - 1) / draw.z(row.e)
        }
      }
    }
  }

  func total(_ parameters: LaneParameters) -> Double {
    var sum = 0.0
    for d in 0..<dimension { sum += parameters.positive(d) }
    return sum
  }
  func center(_ e: Int, _ parameters: LaneParameters, digamma: Double, total: Double) -> Double {
    digamma - wb_digamma(total)
  }
  func statistic(_ e: Int, _ draw: GammaDraw) -> Double { wb_log(draw.z(e)) }
  func sums(_ draw: GammaDraw) -> (y: Double, cotangent: Double) {
    var y = 0.0, weighted = 0.0
    for d in 0..<dimension {
      y += draw.y(d)
      if let cotangent = draw.cotangent { weighted += cotangent[d * draw.stride] * draw.z(d) }
    }
    return (y, weighted)
  }
  func pulled(
    _ e: Int, _ draw: GammaDraw, _ parameters: LaneParameters, _ sums: (y: Double, cotangent: Double)
  ) -> Double {
    guard let cotangent = draw.cotangent else { return 0 }
    return (cotangent[e * draw.stride] - sums.cotangent) / sums.y
  }
  func entropySlope(
    _ row: GammaRow, _ draw: GammaDraw, _ parameters: LaneParameters, _ sums: (y: Double, cotangent: Double),
    total: Double
  ) -> Double { (total - Double(dimension)) / sums.y - (row.shape - 1) / draw.y(row.e) }

  public func addScore(
    weights: Span<Double>, centers: Span<Double>, at draws: borrowing Draws, into gradients: inout MutableSpan<Double>
  ) {
    precondition(weights.count == draws.shape.drawCount, "addScore: weights must be [K × B]")
    addVariateScore(weights: weights, byCoordinate: false, centers: centers, at: draws, into: &gradients)
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
    let shared = (total - Double(dimension)) * wb_trigamma(total)
    for d in 0..<dimension {
      let a = parameters.positive(d)
      add(d, a * (shared - (a - 1) * wb_trigamma(a)))
    }
  }

  func gradient(of f: LogPolynomial, _ parameters: LaneParameters, _ total: Double, add: (Int, Double) -> Void) {
    var linear = 0.0, quadratic = 0.0, logarithm = 0.0
    for d in 0..<dimension {
      let a = parameters.positive(d)
      linear += f.linear[d] * a
      quadratic += f.quadratic[d] * a * (a + 1)
      logarithm += f.logarithm[d]
    }
    let pair = total * (total + 1), shared = logarithm * wb_trigamma(total)
    for d in 0..<dimension {
      let a = parameters.positive(d)
      let plain = (f.linear[d] - linear / total) / total
      let square = (f.quadratic[d] * (2 * a + 1) - quadratic * (2 * total + 1) / pair) / pair
      add(d, a * (plain + square + (f.logarithm[d] == 0 ? 0 : f.logarithm[d] * wb_trigamma(a)) - shared))
    }
  }

  public func exactExpectation(
    of terms: Terms, for model: any Integrand, parameters: [Double]
  ) -> ExactExpectation? {
    let alpha = parameters.map { wb_exp($0) }, total = alpha.reduce(0, +), digamma = wb_digamma(total)
    var entropy = alpha.map { wb_log_gamma($0) - ($0 - 1) * wb_digamma($0) }
    entropy[0] += (total - Double(dimension)) * digamma - wb_log_gamma(total)
    return exact(of: terms, for: model, parameters: parameters, entropy: entropy) { f, d in
      let a = alpha[d]
      return f.constant[d] + f.linear[d] * a / total + f.quadratic[d] * a * (a + 1) / (total * (total + 1))
        + f.logarithm[d] * (wb_digamma(a) - digamma)
    }
  }
}

/// `dirichlet`, by its options.
public struct DirichletSpecification: FamilySpecification {
  public init() {}

  public static let descriptor = Descriptor<Self>(
    id: "dirichlet", summary: "the Dirichlet family, parametrised by log_concentration",
    equation: "q(z) = Γ(Σα) Π_i z_i^(α_i−1)/Γ(α_i),  α = exp(log_concentration)",
    notes: [
      Note("Parameters", "log_concentration [D]; starts at the uniform distribution."),
      Note("Support", "the simplex: D ≥ 2 coordinates above 0 that add up to 1."),
      Note(
        "Pathwise",
        "through z = y/Σy with y_i ~ Gamma(α_i, 1), each implicit in its α_i; also rsvi and generalized-reparam of the y_i."
      ),
      Note("Closed forms", "entropy; KL to a Dirichlet prior; expectations of z, z², log z."),
    ],
    references: [Reference("figurnov2018", "section 4"), Reference("marsaglia2000gamma")],
    examples: [
      Example(
        points: ["log_concentration=1", "log_concentration=1.5"], models: ["dirichlet-multinomial", "log"])
    ])

  public func makeFamily(dimension: Int) throws(ComponentError) -> any VariationalFamily {
    guard dimension >= 2 else {
      throw ComponentError("has at least two coordinates, and the model has \(dimension)")
    }
    return DirichletFamily(dimension: dimension)
  }
}
