internal import CKernels
public import GradientEstimation
public import Randomness

/// The mean-field normal family, q_λ(z) = N(z; mean, diag(e^{2 log_scale})).
///
/// - λ: blocks `mean` and `log_scale`, D each, P = 2D. Gradients are in `log_scale`, so
///   Var(∂σ) = Var(∂log σ)/σ².
/// - z = mean + e^{log_scale} ⊙ ε, ε ~ N(0, I).
/// - score: ∂_mean log q = ε/σ, ∂_{log_scale} log q = ε² − 1.
/// - Fisher information: diagonal, 1/σ² in mean and 2 in log_scale.
/// - closed forms: the entropy, and the KL divergence to a diagonal normal prior.
public struct MeanFieldNormal: ReparameterizableFamily, FactorizedFamily, TransformedFamily, DiagonalFisherFamily {
  public let dimension: Int
  public var parameterBlocks: [ParameterBlock] {
    [
      ParameterBlock(name: "mean", range: 0..<dimension),
      ParameterBlock(name: "log_scale", range: dimension..<2 * dimension),
    ]
  }
  /// N(0, I).
  public var initialParameters: [Double] { Array(repeating: 0, count: 2 * dimension) }
  public var pathwiseEntropyIsExact: Bool { true }

  public init(dimension: Int) { self.dimension = dimension }

  public func parameters(of distribution: any Prior) -> [Double]? {
    let diagonal = distribution as? DiagonalNormal ?? (distribution as? MultivariateNormal)?.diagonal
    guard let normal = diagonal, normal.mean.count == dimension else { return nil }
    return normal.mean + normal.scale.map { wb_log($0) }
  }

  public func coordinate(ofParameter p: Int) -> Int { p % dimension }

  public func sample(_ draws: inout Draws, scheme: any SamplingScheme, random: inout RandomStream) {
    let shape = draws.shape
    var noise = draws.noise.mutableSpan
    scheme.fillNormals(&noise, shape: shape, random: &random)
    transform(&draws)
  }

  public func transform(_ draws: inout Draws) {
    let shape = draws.shape
    let perLane: Int32 = draws.sharesParameters ? 0 : 1
    let parameters = draws.parameters, epsilon = draws.noise
    withPair(parameters, shape, perLane) { mean, logScale in
      epsilon.withUnsafeBufferPointer { epsilon in
        draws.z.withUnsafeMutableBufferPointer { z in
          wb_normal_transform(
            mean, logScale, perLane, epsilon.baseAddress, z.baseAddress, shape.samples, dimension, shape.lanes)
        }
      }
    }
  }

  public func evaluate(_ needed: Quantities, at draws: borrowing Draws, into evaluation: inout Evaluation) {
    let (k, b) = (draws.shape.samples, draws.shape.lanes)
    let perLane: Int32 = draws.sharesParameters ? 0 : 1
    withPair(draws.parameters, draws.shape, perLane) { _, logScale in
      draws.noise.withUnsafeBufferPointer { noise in
        if needed.values.contains(.entropy) {
          evaluation.withValues(of: .entropy) {
            wb_normal_entropy_values(logScale, perLane, noise.baseAddress, $0.baseAddress, k, dimension, b)
          }
        }
        if needed.coordinateValues.contains(.entropy) {
          evaluation.withCoordinateValues(of: .entropy) {
            wb_normal_entropy_coordinates(logScale, perLane, noise.baseAddress, $0.baseAddress, k, dimension, b)
          }
        }
        if needed.gradients.contains(.entropy) {
          evaluation.withGradient(of: .entropy) {
            wb_normal_entropy_gradient(logScale, perLane, noise.baseAddress, $0.baseAddress, k, dimension, b)
          }
        }
      }
    }
  }

  public func addScore(
    weights: Span<Double>, centers: Span<Double>, at draws: borrowing Draws,
    into gradients: inout MutableSpan<Double>
  ) {
    precondition(weights.count == draws.shape.drawCount, "addScore: weights must be [K × B]")
    addScore(weights, byCoordinate: 0, centers, draws, &gradients)
  }

  public func addCoordinateScore(
    weights: Span<Double>, centers: Span<Double>, at draws: borrowing Draws,
    into gradients: inout MutableSpan<Double>
  ) {
    precondition(weights.count == draws.shape.elementCount, "addCoordinateScore: weights must be [K × D × B]")
    addScore(weights, byCoordinate: 1, centers, draws, &gradients)
  }

  private func addScore(
    _ weights: Span<Double>, byCoordinate: Int32, _ centers: Span<Double>, _ draws: borrowing Draws,
    _ gradients: inout MutableSpan<Double>
  ) {
    let (k, b) = (draws.shape.samples, draws.shape.lanes)
    precondition(
      centers.count == 2 * dimension && gradients.count == 2 * dimension * b, "addScore: buffer of the wrong shape")
    let perLane: Int32 = draws.sharesParameters ? 0 : 1
    withPair(draws.parameters, draws.shape, perLane) { _, logScale in
      draws.noise.withUnsafeBufferPointer { noise in
        weights.withUnsafeBufferPointer { weights in
          centers.withUnsafeBufferPointer { centers in
            gradients.withUnsafeMutableBufferPointer {
              wb_normal_add_score(
                logScale, perLane, noise.baseAddress, weights.baseAddress, byCoordinate, centers.baseAddress,
                $0.baseAddress, k, dimension, b)
            }
          }
        }
      }
    }
  }

  public func addPullback(
    cotangents: Span<Double>, factor: Double, at draws: borrowing Draws,
    into gradients: inout MutableSpan<Double>
  ) {
    let (k, b) = (draws.shape.samples, draws.shape.lanes)
    precondition(
      cotangents.count == draws.shape.elementCount && gradients.count == 2 * dimension * b,
      "addPullback: buffer of the wrong shape")
    let perLane: Int32 = draws.sharesParameters ? 0 : 1
    withPair(draws.parameters, draws.shape, perLane) { _, logScale in
      draws.noise.withUnsafeBufferPointer { noise in
        cotangents.withUnsafeBufferPointer { cotangents in
          gradients.withUnsafeMutableBufferPointer {
            wb_normal_add_pullback(
              logScale, perLane, noise.baseAddress, cotangents.baseAddress, factor, $0.baseAddress, k, dimension, b)
          }
        }
      }
    }
  }

  /// −log q(g(ε, λ)) = Σ_d (½ log 2π + log_scale_d + ½ε_d²): its total derivative is 1 in `log_scale`, for every ε.
  public func addPathwiseEntropyGradient(
    factor: Double, at draws: borrowing Draws, into gradients: inout MutableSpan<Double>
  ) {
    addToLogScale(factor * Double(draws.shape.samples), draws.shape, &gradients)
  }

  public func fisherDiagonal(at parameters: [Double]) -> [Double] {
    parameters[dimension...].map { wb_exp(-2 * $0) } + Array(repeating: 2, count: dimension)
  }

  public func analyticTerms(for model: any Integrand) -> Terms {
    let prior = (model as? any LatentModel)?.prior as? DiagonalNormal
    return prior == nil ? .entropy : [.entropy, .prior]
  }

  public func addAnalyticGradient(
    of terms: Terms, for model: any Integrand, at draws: borrowing Draws,
    into gradients: inout MutableSpan<Double>
  ) {
    if terms.contains(.entropy) { addToLogScale(1, draws.shape, &gradients) }
    guard terms.contains(.prior), let prior = (model as? any LatentModel)?.prior as? DiagonalNormal else { return }
    let perLane: Int32 = draws.sharesParameters ? 0 : 1
    let (center, precision) = (prior.mean, prior.precision)
    gradients.withUnsafeMutableBufferPointer { gradients in
      withPair(draws.parameters, draws.shape, perLane) { mean, logScale in
        wb_normal_add_analytic_prior(
          mean, logScale, perLane, center, precision, gradients.baseAddress, dimension, draws.shape.lanes)
      }
    }
  }

  public func exactExpectation(
    of terms: Terms, for model: any Integrand, parameters: [Double]
  ) -> ExactExpectation? {
    let d = dimension
    let mean = Array(parameters[0..<d]), logScale = Array(parameters[d..<2 * d])
    let scale = logScale.map { wb_exp($0) }
    var exact = ExactExpectation(
      value: 0, gradient: Array(repeating: 0, count: 2 * d), coordinateValues: Array(repeating: 0, count: d),
      optimalShift: Array(repeating: 0, count: 2 * d))
    for term in terms.members {
      let moments: HermiteMoments
      if term == .entropy {
        moments = entropyMoments(logScale)
      } else if let known = (model as? any NormalExpectations)?
        .hermiteMoments(of: term, mean: mean, scale: scale)
      {
        moments = known
      } else {
        return nil
      }
      exact.value += moments.value
      for i in 0..<d {
        exact.gradient[i] += moments.first[i] / scale[i]
        exact.gradient[d + i] += moments.second[i]
        exact.coordinateValues[i] += moments.coordinateValues?[i] ?? moments.value
        exact.optimalShift?[i] += moments.second[i]
        exact.optimalShift?[d + i] += 2 * moments.second[i] + 0.5 * moments.fourth[i]
      }
    }
    if terms.contains(.likelihood) {
      exact.modelGradient = (model as? any LearnableNormalExpectations)?.modelGradient(mean: mean, scale: scale)
    }
    return exact
  }

  /// −log q in standardised coordinates is Σ_d (½ log 2π + log_scale_d + ½ε_d²).
  private func entropyMoments(_ logScale: [Double]) -> HermiteMoments {
    let each = logScale.map { 0.5 * 1.8378770664093454836 + $0 + 0.5 }
    return HermiteMoments(
      value: each.reduce(0, +), coordinateValues: each, first: Array(repeating: 0, count: dimension),
      second: Array(repeating: 1, count: dimension), fourth: Array(repeating: 0, count: dimension))
  }

  private func addToLogScale(_ value: Double, _ shape: Shape, _ gradients: inout MutableSpan<Double>) {
    gradients.withUnsafeMutableBufferPointer {
      guard let base = $0.baseAddress else { return }
      wb_add_constant(base + dimension * shape.lanes, value, dimension * shape.lanes)
    }
  }

  /// The rows of `mean` and of `log_scale`, shared or by lane.
  func withPair(
    _ parameters: [Double], _ shape: Shape, _ perLane: Int32,
    _ body: (UnsafePointer<Double>, UnsafePointer<Double>) -> Void
  ) {
    parameters.withUnsafeBufferPointer {
      guard let mean = $0.baseAddress else { return }
      body(mean, mean + (perLane == 0 ? dimension : dimension * shape.lanes))
    }
  }
}

/// `mean-field-normal`, by its options.
public struct MeanFieldNormalSpecification: FamilySpecification {
  public init() {}

  public static let descriptor = Descriptor<Self>(
    id: "mean-field-normal", summary: "independent normals, parametrised by mean and log_scale",
    equation: "q(z) = N(z; mean, diag(exp(2 log_scale)))",
    notes: [
      Note(
        "Parameters",
        "mean [D], log_scale [D]; starts at N(0, I). Gradients are in log_scale: Var(∂σ) = Var(∂log σ)/σ²."),
      Note("Closed forms", "entropy; KL to a diagonal normal prior."),
    ],
    references: [Reference("kingma2014", "section 2.4")])

  public func makeFamily(dimension: Int) throws(ComponentError) -> any VariationalFamily {
    MeanFieldNormal(dimension: dimension)
  }
}
