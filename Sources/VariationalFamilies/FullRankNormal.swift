internal import CKernels
public import GradientEstimation

/// The full-rank normal family, q_λ(z) = N(z; mean, L Lᵀ), L lower triangular with a positive diagonal.
///
/// - λ: blocks `mean` [D], `log_diagonal` [D], log L_dd, and, where D > 1, `off_diagonal` [D(D−1)/2], the rest of L row by
///   row: P = D(D + 3)/2. Gradients are in log L_dd: ∂/∂L_dd = ∂/∂log L_dd / L_dd.
/// - z = mean + L ε, ε ~ N(0, I).
/// - score, with y = L⁻ᵀ ε: y in the mean, y_i ε_j in L_ij, y_d ε_d L_dd − 1 in log L_dd.
/// - closed forms: the entropy, and the KL divergence to a normal prior, diagonal or dense.
/// - Exact expectations: those of the model under a covariance, by the theorems of Bonnet and Price,
///   ∇_L E f = E[∇²f] L in the lower triangle.
/// - Reference: Titsias and Lázaro-Gredilla (2014), section 3; Kucukelbir et al. (2017), section 2.4, which has L itself as
///   the parameter.
/// - Cost: O(D²) a draw.
public struct FullRankNormal: DrawwiseReparameterizableFamily, TransformedFamily {
  public let dimension: Int
  public var pathwiseEntropyIsExact: Bool { true }
  public var preparedCount: Int { dimension }

  /// Beyond it a gradient has more than half a million numbers.
  public static let largestDimension = 1000

  public init(dimension: Int) { self.dimension = dimension }

  public var parameterCount: Int { dimension * (dimension + 3) / 2 }
  public var parameterBlocks: [ParameterBlock] {
    let d = dimension
    let blocks = [
      ParameterBlock(name: "mean", range: 0..<d), ParameterBlock(name: "log_diagonal", range: d..<2 * d),
    ]
    return d == 1 ? blocks : blocks + [ParameterBlock(name: "off_diagonal", range: 2 * d..<parameterCount)]
  }
  /// N(0, I).
  public var initialParameters: [Double] { Array(repeating: 0, count: parameterCount) }

  public func parameters(of distribution: any Prior) -> [Double]? {
    let d = dimension
    if let normal = distribution as? DiagonalNormal, normal.mean.count == d {
      return normal.mean + normal.scale.map { wb_log($0) } + Array(repeating: 0, count: d * (d - 1) / 2)
    }
    guard let normal = distribution as? MultivariateNormal, normal.mean.count == d,
      let factor = normal.covarianceFactor
    else { return nil }
    return normal.mean + (0..<d).map { wb_log(factor[$0 * d + $0]) }
      + (0..<d).flatMap { i in factor[i * d..<i * d + i] }
  }

  /// Where row i of the off-diagonal part begins in λ.
  private func row(_ i: Int) -> Int { 2 * dimension + i * (i - 1) / 2 }

  func prepare(_ lambda: UnsafePointer<Double>, into diagonal: UnsafeMutablePointer<Double>) {
    for i in 0..<dimension { diagonal[i] = wb_exp(lambda[dimension + i]) }
  }

  func transform(_ draw: Draw, into z: UnsafeMutablePointer<Double>) {
    for i in 0..<dimension {
      let row = draw.lambda + row(i)
      var sum = draw.prepared[i] * draw.noise[i]
      for j in 0..<i { sum += row[j] * draw.noise[j] }
      z[i] = draw.lambda[i] + sum
    }
  }

  /// Σ_d (½ log 2π + log L_dd + ½ ε_d²).
  func entropy(_ draw: Draw) -> Double {
    (0..<dimension).reduce(0.0) {
      $0 + (0.5 * logTwoPi + draw.lambda[dimension + $1] + 0.5 * draw.noise[$1] * draw.noise[$1])
    }
  }

  /// y = L⁻ᵀ ε, by back substitution.
  func entropyGradient(_ draw: Draw, into y: UnsafeMutablePointer<Double>) {
    for i in 0..<dimension { y[i] = draw.noise[i] }
    for i in (0..<dimension).reversed() {
      let row = draw.lambda + row(i)
      y[i] /= draw.prepared[i]
      for j in 0..<i { y[j] -= row[j] * y[i] }
    }
  }

  func score(_ draw: Draw, into score: UnsafeMutablePointer<Double>) {
    entropyGradient(draw, into: score)
    for i in 0..<dimension {
      let y = score[i], row = score + row(i)
      score[dimension + i] = y * draw.noise[i] * draw.prepared[i] - 1
      for j in 0..<i { row[j] = y * draw.noise[j] }
    }
  }

  func addPullback(
    _ cotangent: UnsafePointer<Double>, _ factor: Double, _ draw: Draw, to gradient: UnsafeMutablePointer<Double>
  ) {
    for i in 0..<dimension {
      let c = factor * cotangent[i], row = gradient + row(i)
      gradient[i] += c
      gradient[dimension + i] += c * draw.prepared[i] * draw.noise[i]
      for j in 0..<i { row[j] += c * draw.noise[j] }
    }
  }

  /// −log q(g(ε, λ)) = Σ_d (½ log 2π + log L_dd + ½ε_d²): its total derivative is 1 in `log_diagonal`, for every ε.
  public func addPathwiseEntropyGradient(
    factor: Double, at draws: borrowing Draws, into gradients: inout MutableSpan<Double>
  ) {
    let whole = factor * Double(draws.shape.samples)
    addPerLambda(draws, &gradients) { for i in dimension..<2 * dimension { $1[i] += whole } }
  }

  public func analyticTerms(for model: any Integrand) -> Terms {
    model.normalPrior == nil ? .entropy : [.entropy, .prior]
  }

  func addAnalyticGradient(
    of terms: Terms, for model: any Integrand, _ draw: Draw, to gradient: UnsafeMutablePointer<Double>
  ) {
    let d = dimension
    if terms.contains(.entropy) { for i in d..<2 * d { gradient[i] += 1 } }
    guard terms.contains(.prior), let prior = NormalPriorGradient(model.normalPrior) else { return }
    prior.addMean(draw.lambda, to: gradient)
    // ∇_L = −Λ L in the lower triangle.
    prior.forEach { i, k, precision in
      for j in 0..<min(i, k + 1) {
        gradient[row(i) + j] -= precision * (j == k ? draw.prepared[j] : draw.lambda[row(k) + j])
      }
      if i <= k {
        let l = i == k ? draw.prepared[i] : draw.lambda[row(k) + i]
        gradient[d + i] -= precision * l * draw.prepared[i]
      }
    }
  }

  public func exactExpectation(
    of terms: Terms, for model: any Integrand, parameters: [Double]
  ) -> ExactExpectation? {
    let d = dimension
    let factor = factor(parameters), mean = Array(parameters[..<d]), covariance = square(factor)
    guard let moments = model.covarianceMoments(of: terms.subtracting(.entropy), mean: mean, covariance: covariance)
    else { return nil }
    var value = moments.value, gradient = moments.gradient + Array(repeating: 0, count: parameterCount - d)
    for i in 0..<d {
      for j in 0...i {
        // (H L)_ij; L has no rows above j in its column.
        let sum = (j..<d).reduce(0) { $0 + moments.hessian[i * d + $1] * factor[$1 * d + j] }
        gradient[i == j ? d + i : row(i) + j] = i == j ? sum * factor[i * d + i] : sum
      }
      if terms.contains(.entropy) {
        value += 0.5 * logTwoPi + 0.5 + parameters[d + i]
        gradient[d + i] += 1
      }
    }
    return ExactExpectation(
      value: value, gradient: gradient, coordinateValues: Array(repeating: value, count: d), optimalShift: nil,
      modelGradient: model.modelGradient(of: terms, mean: mean, covariance: covariance))
  }

  /// L, `[D × D]` row by row.
  private func factor(_ parameters: [Double]) -> [Double] {
    let d = dimension
    var lower = [Double](repeating: 0, count: d * d)
    for i in 0..<d {
      for j in 0..<i { lower[i * d + j] = parameters[row(i) + j] }
      lower[i * d + i] = wb_exp(parameters[d + i])
    }
    return lower
  }

  /// L Lᵀ
  private func square(_ lower: [Double]) -> [Double] {
    let d = dimension
    var product = [Double](repeating: 0, count: d * d)
    for i in 0..<d {
      for j in 0...i {
        let sum = (0...j).reduce(0) { $0 + lower[i * d + $1] * lower[j * d + $1] }
        product[i * d + j] = sum
        product[j * d + i] = sum
      }
    }
    return product
  }
}

/// Σ = L Lᵀ: ∇_L E t = H L in the lower triangle.
extension FullRankNormal: MomentFamily {
  func addGradient(
    of t: Quadratic, _ lambda: UnsafePointer<Double>, _ room: UnsafeMutablePointer<Double>,
    to gradient: UnsafeMutablePointer<Double>
  ) {
    let d = dimension, slope = room, diagonal = room + d
    t.storeGradient(at: lambda, into: slope)
    prepare(lambda, into: diagonal)
    for i in 0..<d {
      gradient[i] += slope[i]
      for j in 0...i {
        var sum = t.curvature[i * d + j] * diagonal[j]
        for k in j + 1..<max(j + 1, d) { sum += t.curvature[i * d + k] * lambda[row(k) + j] }
        if i == j { gradient[d + i] += sum * diagonal[i] } else { gradient[row(i) + j] += sum }
      }
    }
  }
}

/// `full-rank-normal`, by its options.
public struct FullRankNormalSpecification: FamilySpecification {
  public init() {}

  public static let descriptor = Descriptor<Self>(
    id: "full-rank-normal", summary: "a normal with any covariance, parametrised by mean and Cholesky factor",
    equation: "q(z) = N(z; mean, L Lᵀ),  z = mean + L ε",
    notes: [
      Note(
        "Parameters",
        "mean [D], log_diagonal [D] (log L_dd), off_diagonal [D(D−1)/2], the rest of the lower triangular L row by row; starts at N(0, I). D up to \(FullRankNormal.largestDimension)."
      ),
      Note("Closed forms", "entropy; KL to a normal prior, diagonal or dense."),
      Note(
        "Exact", "expectations of what knows its own under a covariance, such as every model here with a normal prior."),
      Note("Cost", "O(D²) a draw."),
    ],
    references: [
      Reference("titsias2014", "section 3"), Reference("kucukelbir2017", "section 2.4"),
      Reference("opper2009", "equations (A.1), (A.3)"),
    ],
    examples: [
      Example(
        points: ["mean=0.8,log_diagonal=-0.4,off_diagonal=0.35"], models: ["quadratic", "gaussian"])
    ])

  public func makeFamily(dimension: Int) throws(ComponentError) -> any VariationalFamily {
    guard dimension <= FullRankNormal.largestDimension else {
      throw ComponentError(
        "is for up to \(FullRankNormal.largestDimension) dimensions, and the model has \(dimension); take 'low-rank-normal' or 'mean-field-normal'"
      )
    }
    return FullRankNormal(dimension: dimension)
  }
}
