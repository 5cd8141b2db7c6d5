internal import CKernels
public import GradientEstimation

/// Independent log-normals, z = e^{mean + e^{log_scale} ⊙ ε}, ε ~ N(0, I), on z > 0.
///
/// - λ: blocks `mean` and `log_scale` of log z, D each.
/// - log q(z) = Σ_d (log N(log z_d; mean_d, s_d²) − log z_d), s = e^{log_scale}.
/// - score: ε/s in the mean, ε² − 1 in log_scale.
/// - closed forms: the entropy, Σ (½ log 2πe + log_scale + mean).
/// - Exact expectations: of terms that are polynomials in single coordinates, by E z^n = e^{n mean + n² s²/2}.
/// - Cost: an exponential for each coordinate of a draw.
public struct LogNormal: DrawwiseFactorizedFamily {
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

  public func analyticTerms(for model: any Integrand) -> Terms { .entropy }

  func addAnalyticGradient(
    of terms: Terms, for model: any Integrand, _ draw: Draw, to gradient: UnsafeMutablePointer<Double>
  ) {
    guard terms.contains(.entropy) else { return }
    for p in 0..<2 * dimension { gradient[p] += 1 }
  }

  public func exactExpectation(
    of terms: Terms, for model: any Integrand, parameters: [Double]
  ) -> ExactExpectation? {
    let d = dimension, squares = (0..<d).map { wb_exp(2 * parameters[d + $0]) }
    let sum = MomentSum(of: terms.subtracting(.entropy), model, parameterCount: 2 * d) { i, degree in
      // E z^n, ∂_mean = n E z^n, ∂_{log_scale} = n² s² E z^n.
      let n = Double(degree), moment = wb_exp(n * parameters[i] + 0.5 * n * n * squares[i])
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

/// `log-normal`, by its options.
public struct LogNormalSpecification: FamilySpecification {
  public init() {}

  public static let descriptor = Descriptor<Self>(
    id: "log-normal", summary: "independent log-normals, parametrised by mean and log_scale of log z",
    equation: "z = exp(mean + exp(log_scale) ⊙ ε),  ε ~ N(0, I)",
    notes: [
      Note("Parameters", "mean [D], log_scale [D], both of log z; starts at log z ~ N(0, I). Positive z."),
      Note("Closed forms", "entropy."),
      Note(
        "Exact",
        "expectations of polynomials in single coordinates, by E z^n = exp(n mean + n² s²/2). High moments grow fast with s: at log_scale = 0 sample variances say little."
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
