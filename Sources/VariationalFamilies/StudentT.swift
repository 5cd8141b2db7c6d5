internal import CGSL
internal import CKernels
public import GradientEstimation
internal import Randomness

/// Independent Student's t, z = mean + e^{log_scale} ⊙ T, T_d of ν degrees of freedom, ν fixed.
///
/// - λ: blocks `mean` and `log_scale`, D each. ν is an option and does not move.
/// - T, which is what the block's noise holds, is t_ν⁻¹(Φ(ε)) of the sampling scheme's normals: see `StudentQuantiles`.
/// - log q(z) = Σ_d (log t_ν(T_d) − log_scale_d).
/// - score, with ψ = (ν + 1) T/(ν + T²): ψ/s in the mean, ψT − 1 in log_scale.
/// - closed forms: the entropy; for ν > 2 the KL divergence to a diagonal normal prior.
/// - Exact expectations: of terms that are polynomials in single coordinates, up to the square, where the moments exist.
/// - Cost: a table's look-up for each coordinate of a draw.
public struct StudentT: DrawwiseFactorizedFamily, DrawwiseReparameterizableFamily, TransformedFamily,
  DiagonalFisherFamily
{
  public let dimension: Int
  /// ν
  public let degrees: Double
  /// −log of t_ν's normaliser, and H[t_ν].
  private let logNormalizer, standardEntropy: Double
  private let quantiles: StudentQuantiles

  public init(dimension: Int, degrees: Double) {
    self.dimension = dimension
    self.degrees = degrees
    wb_silence_gsl()
    let half = 0.5 * degrees
    logNormalizer = gsl_sf_lnbeta(half, 0.5) + 0.5 * wb_log(degrees)
    quantiles = .of(degrees: degrees, logNormalizer: logNormalizer)
    standardEntropy = (half + 0.5) * (gsl_sf_psi(half + 0.5) - gsl_sf_psi(half)) + logNormalizer
  }

  public var pathwiseEntropyIsExact: Bool { true }
  public var parameterCount: Int { 2 * dimension }
  public var parameterBlocks: [ParameterBlock] {
    [
      ParameterBlock(name: "mean", range: 0..<dimension),
      ParameterBlock(name: "log_scale", range: dimension..<2 * dimension),
    ]
  }
  public var initialParameters: [Double] { Array(repeating: 0, count: 2 * dimension) }

  public func parameters(of distribution: any Prior) -> [Double]? { nil }
  public func coordinate(ofParameter p: Int) -> Int { p % dimension }

  func fillNoise(
    _ noise: inout MutableSpan<Double>, shape: Shape, scheme: any SamplingScheme, random: inout RandomStream
  ) {
    scheme.fillNormals(&noise, shape: shape, random: &random)
    for i in noise.indices { noise[i] = quantiles(noise[i]) }
  }

  /// (ν + 1)/(ν + 3)/s² of the mean, 2ν/(ν + 3) of log_scale (Lange, Little and Taylor 1989).
  public func fisherDiagonal(at parameters: [Double]) -> [Double] {
    parameters[dimension...].map { (degrees + 1) / (degrees + 3) * wb_exp(-2 * $0) }
      + Array(repeating: 2 * degrees / (degrees + 3), count: dimension)
  }

  var preparedCount: Int { dimension }

  func prepare(_ lambda: UnsafePointer<Double>, into scale: UnsafeMutablePointer<Double>) {
    for i in 0..<dimension { scale[i] = wb_exp(lambda[dimension + i]) }
  }

  func transform(_ draw: Draw, into z: UnsafeMutablePointer<Double>) {
    for i in 0..<dimension { z[i] = draw.lambda[i] + draw.prepared[i] * draw.noise[i] }
  }

  func entropies(_ draw: Draw, into values: UnsafeMutablePointer<Double>) {
    for i in 0..<dimension {
      let t = draw.noise[i]
      values[i] = logNormalizer + draw.lambda[dimension + i] + 0.5 * (degrees + 1) * wb_log(1 + t * t / degrees)
    }
  }

  /// ψ = −d log t_ν(T)/dT.
  private func slope(_ t: Double) -> Double { (degrees + 1) * t / (degrees + t * t) }

  func entropyGradient(_ draw: Draw, into gradient: UnsafeMutablePointer<Double>) {
    for i in 0..<dimension { gradient[i] = slope(draw.noise[i]) / draw.prepared[i] }
  }

  func score(_ draw: Draw, into score: UnsafeMutablePointer<Double>) {
    for i in 0..<dimension {
      let t = draw.noise[i], slope = slope(t)
      score[i] = slope / draw.prepared[i]
      score[dimension + i] = slope * t - 1
    }
  }

  func addPullback(
    _ cotangent: UnsafePointer<Double>, _ factor: Double, _ draw: Draw, to gradient: UnsafeMutablePointer<Double>
  ) {
    for i in 0..<dimension {
      let c = factor * cotangent[i]
      gradient[i] += c
      gradient[dimension + i] += c * draw.prepared[i] * draw.noise[i]
    }
  }

  /// −log q(g(ε, λ)) = Σ_d (log_scale_d − log t_ν(T_d)): its total derivative is 1 in `log_scale`, for every T.
  public func addPathwiseEntropyGradient(
    factor: Double, at draws: borrowing Draws, into gradients: inout MutableSpan<Double>
  ) {
    let whole = factor * Double(draws.shape.samples)
    addPerLambda(draws, &gradients) { for i in dimension..<2 * dimension { $1[i] += whole } }
  }

  /// E T²; nil where it is infinite.
  private var variance: Double? { degrees > 2 ? degrees / (degrees - 2) : nil }

  public func analyticTerms(for model: any Integrand) -> Terms {
    (model as? any LatentModel)?.prior is DiagonalNormal && variance != nil ? [.entropy, .prior] : .entropy
  }

  func addAnalyticGradient(
    of terms: Terms, for model: any Integrand, _ draw: Draw, to gradient: UnsafeMutablePointer<Double>
  ) {
    if terms.contains(.entropy) { for i in dimension..<2 * dimension { gradient[i] += 1 } }
    guard terms.contains(.prior), let variance, let prior = (model as? any LatentModel)?.prior as? DiagonalNormal
    else { return }
    for i in 0..<dimension {
      let scale = draw.prepared[i]
      gradient[i] -= prior.precision[i] * (draw.lambda[i] - prior.mean[i])
      gradient[dimension + i] -= prior.precision[i] * scale * scale * variance
    }
  }

  public func exactExpectation(
    of terms: Terms, for model: any Integrand, parameters: [Double]
  ) -> ExactExpectation? {
    let d = dimension
    let sum = MomentSum(of: terms.subtracting(.entropy), model, parameterCount: 2 * d) { i, function in
      let mean = parameters[i]
      if function == .identity, degrees > 1 { return (mean, [(i, 1)]) }
      guard function == .square, let variance else { return nil }
      let spread = wb_exp(2 * parameters[d + i]) * variance
      return (mean * mean + spread, [(i, 2 * mean), (d + i, 2 * spread)])
    }
    guard var exact = sum?.expectation else { return nil }
    if terms.contains(.entropy) {
      exact.add(coordinateValues: (0..<d).map { standardEntropy + parameters[d + $0] })
      for p in d..<2 * d { exact.gradient[p] += 1 }
    }
    return exact
  }
}

/// m = mean and v = s² ν/(ν − 2).
extension StudentT: IndependentMomentFamily {
  public var hasCovariance: Bool { variance != nil }

  func moments(_ mean: Double, _ logScale: Double) -> CoordinateMoments {
    CoordinateMoments(
      mean: mean, meanSlopes: (1, 0), varianceSlopes: (0, 2 * wb_exp(2 * logScale) * (variance ?? .infinity)))
  }
}

/// `student-t`, by its options.
public struct StudentTSpecification: FamilySpecification {
  public var degrees = 5.0
  public init() {}

  public static let descriptor = Descriptor<Self>(
    id: "student-t", summary: "independent Student's t with fixed degrees of freedom, by mean and log_scale",
    equation: "z = mean + exp(log_scale) ⊙ T,  T_d ~ t(degrees)",
    notes: [
      Note("Parameters", "mean [D], log_scale [D]; starts at 0. degrees, ν, is an option and does not move."),
      Note(
        "Noise",
        "D numbers T a draw, each by the inverse distribution function of one of the scheme's: T = t⁻¹(Φ(ε))."
      ),
      Note("Closed forms", "entropy; for degrees > 2 KL to a diagonal normal prior."),
      Note(
        "Exact",
        "expectations of polynomials in single coordinates up to the square, for degrees > 2: the ELBO of 'gaussian' without correlation."
      ),
      Note(
        "Tails",
        "q has moments below degrees only: a model quadratic in z has an estimator of finite variance for degrees > 4, and of finite kurtosis for degrees > 8."
      ),
    ],
    references: [Reference("lange1989")],
    options: [
      .real(
        "degrees", \.degrees, in: RealBounds(lower: 0.5, upper: 1e6),
        "ν, degrees of freedom, the same for all coordinates")
    ],
    examples: [
      Example(points: ["mean=0.8,log_scale=-0.7", "mean=-0.4,log_scale=-0.4"], models: ["cosine"]),
      Example(
        options: ["degrees": "40"], points: ["mean=0.8,log_scale=-0.7", "mean=-0.4,log_scale=-0.4"],
        models: ["linear", "gaussian"]),
    ])

  public func makeFamily(dimension: Int) throws(ComponentError) -> any VariationalFamily {
    StudentT(dimension: dimension, degrees: degrees)
  }
}
