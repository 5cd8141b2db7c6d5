internal import CKernels
public import GradientEstimation

/// Independent log-normals, z = e^{mean + e^{log_scale} ⊙ ε}, ε ~ N(0, I), on z > 0.
///
/// - λ: blocks `mean` and `log_scale` of log z, D each.
/// - log q(z) = Σ_d (log N(log z_d; mean_d, s_d²) − log z_d), s = e^{log_scale}.
/// - score: ε/s in the mean, ε² − 1 in log_scale.
/// - closed forms: the entropy, Σ (½ log 2πe + log_scale + mean), and the KL divergence to a prior of gammas.
/// - Exact expectations: of log polynomials without log(1 − z), by E z^n = e^{n mean + n² s²/2} and E log z = mean.
/// - Cost: an exponential for each coordinate of a draw.
public struct LogNormal: DrawwiseFactorizedFamily, DrawwiseReparameterizableFamily, TransformedFamily,
  DiagonalFisherFamily
{
  public let dimension: Int
  public var support: Support { .positive }
  public var pathwiseEntropyIsExact: Bool { false }
  public var parameterCount: Int { 2 * dimension }
  public var parameterBlocks: [ParameterBlock] {
    [
      ParameterBlock(name: "mean", range: 0..<dimension),
      ParameterBlock(name: "log_scale", range: dimension..<2 * dimension),
    ]
  }
  /// log z ~ N(0, I).
  public var initialParameters: [Double] { Array(repeating: 0, count: 2 * dimension) }

  public init(dimension: Int) { self.dimension = dimension }

  public func parameters(of distribution: any Prior) -> [Double]? { nil }
  public func coordinate(ofParameter p: Int) -> Int { p % dimension }

  /// That of log z: 1/s² of the mean, 2 of log_scale.
  public func fisherDiagonal(at parameters: [Double]) -> [Double] {
    parameters[dimension...].map { wb_exp(-2 * $0) } + Array(repeating: 2, count: dimension)
  }

  var preparedCount: Int { dimension }

  func prepare(_ lambda: UnsafePointer<Double>, into scale: UnsafeMutablePointer<Double>) {
    for i in 0..<dimension { scale[i] = wb_exp(lambda[dimension + i]) }
  }

  /// log z of coordinate i.
  private func logarithm(_ draw: Draw, _ i: Int) -> Double { draw.lambda[i] + draw.prepared[i] * draw.noise[i] }

  func transform(_ draw: Draw, into z: UnsafeMutablePointer<Double>) {
    for i in 0..<dimension { z[i] = wb_exp(logarithm(draw, i)) }
  }

  func entropies(_ draw: Draw, into values: UnsafeMutablePointer<Double>) {
    for i in 0..<dimension {
      let e = draw.noise[i]
      values[i] = 0.5 * logTwoPi + draw.lambda[dimension + i] + 0.5 * e * e + logarithm(draw, i)
    }
  }

  func entropyGradient(_ draw: Draw, into gradient: UnsafeMutablePointer<Double>) {
    for i in 0..<dimension { gradient[i] = (draw.noise[i] / draw.prepared[i] + 1) / draw.z[i] }
  }

  func score(_ draw: Draw, into score: UnsafeMutablePointer<Double>) {
    for i in 0..<dimension {
      let e = draw.noise[i]
      score[i] = e / draw.prepared[i]
      score[dimension + i] = e * e - 1
    }
  }

  func addPullback(
    _ cotangent: UnsafePointer<Double>, _ factor: Double, _ draw: Draw, to gradient: UnsafeMutablePointer<Double>
  ) {
    for i in 0..<dimension {
      let c = factor * cotangent[i] * draw.z[i]
      gradient[i] += c
      gradient[dimension + i] += c * draw.prepared[i] * draw.noise[i]
    }
  }

  /// A prior without a part in log(1 − z), such as a gamma.
  public func analyticTerms(for model: any Integrand) -> Terms {
    let prior = (model as? any LatentModel)?.prior as? any LogPolynomialPrior
    return prior.map { !$0.logDensity.hasComplement } ?? false ? [.entropy, .prior] : .entropy
  }

  func addAnalyticGradient(
    of terms: Terms, for model: any Integrand, _ draw: Draw, to gradient: UnsafeMutablePointer<Double>
  ) {
    let d = dimension
    if terms.contains(.entropy) { for p in 0..<2 * d { gradient[p] += 1 } }
    guard terms.contains(.prior), let prior = (model as? any LatentModel)?.prior as? any LogPolynomialPrior else {
      return
    }
    let f = prior.logDensity
    for i in 0..<d {
      let square = draw.prepared[i] * draw.prepared[i]
      let first = f.linear[i] * wb_exp(draw.lambda[i] + 0.5 * square)
      let second = f.quadratic[i] * wb_exp(2 * (draw.lambda[i] + square))
      gradient[i] += first + 2 * second + f.logarithm[i]
      gradient[d + i] += square * (first + 4 * second)
    }
  }

  public func exactExpectation(
    of terms: Terms, for model: any Integrand, parameters: [Double]
  ) -> ExactExpectation? {
    let d = dimension, squares = (0..<d).map { wb_exp(2 * parameters[d + $0]) }
    let sum = MomentSum(of: terms.subtracting(.entropy), model, parameterCount: 2 * d) { i, function in
      if function == .logarithm { return (parameters[i], [(i, 1)]) }
      // E z^n, ∂_mean = n E z^n, ∂_{log_scale} = n² s² E z^n.
      let n = function == .identity ? 1.0 : 2
      let moment = wb_exp(n * parameters[i] + 0.5 * n * n * squares[i])
      return (moment, [(i, n * moment), (d + i, n * n * squares[i] * moment)])
    }
    guard var exact = sum?.expectation else { return nil }
    if terms.contains(.entropy) {
      exact.add(coordinateValues: (0..<d).map { 0.5 * (1 + logTwoPi) + parameters[d + $0] + parameters[$0] })
      for p in 0..<2 * d { exact.gradient[p] += 1 }
    }
    return exact
  }
}

/// E z = e^{mean + s²/2} and E z² = e^{2 mean + 2 s²}.
extension LogNormal: IndependentMomentFamily {
  func moments(_ location: Double, _ logScale: Double) -> CoordinateMoments {
    let square = wb_exp(2 * logScale), mean = wb_exp(location + 0.5 * square)
    let second = wb_exp(2 * (location + square))
    return CoordinateMoments(
      mean: mean, meanSlopes: (mean, mean * square),
      varianceSlopes: (2 * (second - mean * mean), 2 * square * (2 * second - mean * mean)))
  }
}

/// `log-normal`, by its options.
public struct LogNormalSpecification: FamilySpecification {
  public init() {}

  public static let descriptor = Descriptor<Self>(
    id: "log-normal", summary: "independent log-normals, parametrised by mean and log_scale of log z",
    equation: "z = exp(mean + exp(log_scale) ⊙ ε),  ε ~ N(0, I)",
    notes: [
      Note("Parameters", "mean [D], log_scale [D], both of log z; starts at log z ~ N(0, I). Positive z."),
      Note("Closed forms", "entropy; KL to a prior of gammas."),
      Note(
        "Exact",
        "expectations of sums of z, z² and log z, by E z^n = exp(n mean + n² s²/2) and E log z = mean. High moments grow fast with s: at log_scale = 0 sample variances say little."
      ),
    ],
    references: [Reference("aitchison1957", "chapter 2"), Reference("kucukelbir2017", "section 2.3")],
    examples: [
      Example(
        points: ["mean=-0.7,log_scale=-1.4", "mean=0.3,log_scale=-1"], models: ["linear", "quadratic"])
    ])

  public func makeFamily(dimension: Int) throws(ComponentError) -> any VariationalFamily {
    LogNormal(dimension: dimension)
  }
}
