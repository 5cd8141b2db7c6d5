internal import CKernels
public import GradientEstimation

/// Normals whose covariance is of rank r but for a diagonal, q_λ(z) = N(z; mean, U Uᵀ + S²), S = diag(e^{log_scale}).
///
/// - λ: blocks `mean` [D], `factor` [D·r], U row by row, and `log_scale` [D]: P = D(r + 2).
/// - z = mean + U ε₁ + S ε₂, ε₁ ~ N(0, I_r), ε₂ ~ N(0, I_D): E = D + r numbers of noise.
/// - log q: with A = S⁻¹U and M = I + AᵀA, Σ⁻¹ = S⁻¹(I − A M⁻¹ Aᵀ)S⁻¹ (Woodbury), log |Σ| = 2 Σ log_scale + log |M|.
/// - score, with y = Σ⁻¹(z − mean): y in the mean, y (yᵀU) − Σ⁻¹U in U, (y_d² − (Σ⁻¹)_dd) S_d² in log_scale.
/// - closed forms: the entropy, and the KL divergence to a normal prior, diagonal or dense.
/// - Exact expectations: those of the model under a covariance: ∇_U E f = E[∇²f] U, ∇_{log_scale} E f = E[∇²f]_dd S_d².
/// - Reference: Ong, Nott and Smith (2018), section 3. Their B is U; they set its upper triangle to zero, here it is free.
/// - Cost: O(D r) a draw, O(D r²) a λ.
public struct LowRankNormal: DrawwiseReparameterizableFamily, TransformedFamily {
  public let dimension: Int
  /// r
  public let rank: Int
  public var noiseDimension: Int { dimension + rank }
  public var pathwiseEntropyIsExact: Bool { false }

  public init(dimension: Int, rank: Int) {
    self.dimension = dimension
    self.rank = rank
  }

  public var parameterCount: Int { dimension * (rank + 2) }
  public var parameterBlocks: [ParameterBlock] {
    [
      ParameterBlock(name: "mean", range: 0..<dimension),
      ParameterBlock(name: "factor", range: dimension..<scales),
      ParameterBlock(name: "log_scale", range: scales..<parameterCount),
    ]
  }
  /// Where log_scale begins in λ.
  private var scales: Int { dimension * (rank + 1) }

  /// N(0, I + U Uᵀ) with U_dj = 0.1 where j = d modulo r: at U = 0 every gradient in U is zero.
  public var initialParameters: [Double] {
    var parameters = [Double](repeating: 0, count: parameterCount)
    for d in 0..<dimension { parameters[dimension + d * rank + d % rank] = 0.1 }
    return parameters
  }

  /// A diagonal normal is one with U = 0.
  public func parameters(of distribution: any Prior) -> [Double]? {
    let diagonal = distribution as? DiagonalNormal ?? (distribution as? MultivariateNormal)?.diagonal
    guard let normal = diagonal, normal.mean.count == dimension else { return nil }
    return normal.mean + Array(repeating: 0, count: dimension * rank) + normal.scale.map { wb_log($0) }
  }

  // What is prepared: S [D], the Cholesky factor of M [r × r], V = M⁻¹ Aᵀ S⁻¹ transposed [D × r], so that
  // Σ⁻¹U = V, and diag Σ⁻¹ [D].
  var preparedCount: Int { dimension + rank * rank + dimension * rank + dimension }
  private var cholesky: Int { dimension }
  private var solved: Int { dimension + rank * rank }
  private var precisions: Int { solved + dimension * rank }
  var scratchCount: Int { dimension + rank }

  func prepare(_ lambda: UnsafePointer<Double>, into prepared: UnsafeMutablePointer<Double>) {
    let (d, r) = (dimension, rank), u = lambda + d, factor = prepared + cholesky
    for i in 0..<d { prepared[i] = wb_exp(lambda[scales + i]) }
    for i in 0..<r {
      for j in 0...i {
        var sum = i == j ? 1.0 : 0
        for n in 0..<d { sum += u[n * r + i] / prepared[n] * (u[n * r + j] / prepared[n]) }
        for k in 0..<j { sum -= factor[i * r + k] * factor[j * r + k] }
        factor[i * r + j] = i == j ? sum.squareRoot() : sum / factor[j * r + j]
      }
    }
    for n in 0..<d {
      let row = prepared + solved + n * r, variance = prepared[n] * prepared[n]
      for i in 0..<r { row[i] = u[n * r + i] / variance }
      solve(factor, row)
      var explained = 0.0
      for i in 0..<r { explained += row[i] * u[n * r + i] }
      prepared[precisions + n] = (1 - explained) / variance
    }
  }

  /// x = M⁻¹ x
  private func solve(_ factor: UnsafePointer<Double>, _ x: UnsafeMutablePointer<Double>) {
    let r = rank
    for i in 0..<r {
      for k in 0..<i { x[i] -= factor[i * r + k] * x[k] }
      x[i] /= factor[i * r + i]
    }
    for i in (0..<r).reversed() {
      for k in i + 1..<r { x[i] -= factor[k * r + i] * x[k] }
      x[i] /= factor[i * r + i]
    }
  }

  func transform(_ draw: Draw, into z: UnsafeMutablePointer<Double>) {
    for i in 0..<dimension {
      let u = draw.lambda + dimension + i * rank
      var sum = draw.prepared[i] * draw.noise[rank + i]
      for j in 0..<rank { sum += u[j] * draw.noise[j] }
      z[i] = draw.lambda[i] + sum
    }
  }

  /// y = Σ⁻¹(z − mean) = S⁻²(x − U c) with x = z − mean and c = M⁻¹ Uᵀ S⁻² x. Of the noise it is
  /// x − U c = U (ε₁ − c) + S ε₂, which does not cancel.
  func entropyGradient(_ draw: Draw, into y: UnsafeMutablePointer<Double>) {
    let (d, r) = (dimension, rank), c = draw.scratch
    for j in 0..<r { c[j] = 0 }
    for i in 0..<d {
      let row = draw.prepared + solved + i * r
      let x = draw.z[i] - draw.lambda[i]
      for j in 0..<r { c[j] += row[j] * x }
    }
    for i in 0..<d {
      let u = draw.lambda + d + i * r, s = draw.prepared[i]
      var rest = s * draw.noise[r + i]
      for j in 0..<r { rest += u[j] * (draw.noise[j] - c[j]) }
      y[i] = rest / (s * s)
    }
  }

  /// ½ (D log 2π + log |Σ| + (z − mean)ᵀ y).
  func entropy(_ draw: Draw) -> Double {
    let (d, r) = (dimension, rank), y = draw.scratch + r
    entropyGradient(draw, into: y)
    var sum = 0.5 * logDeterminant(draw)
    for i in 0..<d { sum += 0.5 * (logTwoPi + (draw.z[i] - draw.lambda[i]) * y[i]) }
    return sum
  }

  private func logDeterminant(_ draw: Draw) -> Double {
    let (d, r) = (dimension, rank)
    var sum = 0.0
    for i in 0..<d { sum += 2 * draw.lambda[scales + i] }
    for j in 0..<r { sum += 2 * wb_log(draw.prepared[cholesky + j * r + j]) }
    return sum
  }

  func score(_ draw: Draw, into score: UnsafeMutablePointer<Double>) {
    let (d, r) = (dimension, rank), projected = draw.scratch
    entropyGradient(draw, into: score)
    for j in 0..<r { projected[j] = 0 }
    for i in 0..<d { for j in 0..<r { projected[j] += score[i] * draw.lambda[d + i * r + j] } }
    for i in 0..<d {
      let y = score[i], s = draw.prepared[i], v = draw.prepared + solved + i * r, row = score + d + i * r
      for j in 0..<r { row[j] = y * projected[j] - v[j] }
      score[scales + i] = (y * y - draw.prepared[precisions + i]) * s * s
    }
  }

  func addPullback(
    _ cotangent: UnsafePointer<Double>, _ factor: Double, _ draw: Draw, to gradient: UnsafeMutablePointer<Double>
  ) {
    let (d, r) = (dimension, rank)
    for i in 0..<d {
      let c = factor * cotangent[i], row = gradient + d + i * r
      gradient[i] += c
      for j in 0..<r { row[j] += c * draw.noise[j] }
      gradient[scales + i] += c * draw.prepared[i] * draw.noise[r + i]
    }
  }

  public func analyticTerms(for model: any Integrand) -> Terms {
    model.normalPrior == nil ? .entropy : [.entropy, .prior]
  }

  func addAnalyticGradient(
    of terms: Terms, for model: any Integrand, _ draw: Draw, to gradient: UnsafeMutablePointer<Double>
  ) {
    let (d, r) = (dimension, rank)
    if terms.contains(.entropy) {
      for i in 0..<d * r { gradient[d + i] += draw.prepared[solved + i] }
      for i in 0..<d {
        gradient[scales + i] += draw.prepared[precisions + i] * draw.prepared[i] * draw.prepared[i]
      }
    }
    guard terms.contains(.prior), let prior = NormalPriorGradient(model.normalPrior) else { return }
    prior.addMean(draw.lambda, to: gradient)
    prior.forEach { i, k, precision in
      for j in 0..<r { gradient[d + i * r + j] -= precision * draw.lambda[d + k * r + j] }
    }
    for i in 0..<d { gradient[scales + i] -= prior.curvature(i) * draw.prepared[i] * draw.prepared[i] }
  }

  public func exactExpectation(
    of terms: Terms, for model: any Integrand, parameters: [Double]
  ) -> ExactExpectation? {
    let (d, r) = (dimension, rank), u = Array(parameters[d..<scales])
    let variances = parameters[scales...].map { wb_exp(2 * $0) }
    var covariance = [Double](repeating: 0, count: d * d)
    for i in 0..<d {
      for j in 0..<d {
        covariance[i * d + j] = (0..<r).reduce(i == j ? variances[i] : 0) { $0 + u[i * r + $1] * u[j * r + $1] }
      }
    }
    let mean = Array(parameters[..<d])
    guard let moments = model.covarianceMoments(of: terms.subtracting(.entropy), mean: mean, covariance: covariance)
    else { return nil }
    var exact = ExactExpectation(
      value: moments.value, gradient: moments.gradient + Array(repeating: 0, count: parameterCount - d),
      coordinateValues: [], optimalShift: nil,
      modelGradient: model.modelGradient(of: terms, mean: mean, covariance: covariance))
    for i in 0..<d {
      for j in 0..<r {
        exact.gradient[d + i * r + j] = (0..<d).reduce(0) { $0 + moments.hessian[i * d + $1] * u[$1 * r + j] }
      }
      exact.gradient[scales + i] = moments.hessian[i * d + i] * variances[i]
    }
    if terms.contains(.entropy) {
      exact.value += entropy(parameters)
      withPrepared(parameters) { draw in
        exact.gradient.withUnsafeMutableBufferPointer {
          if let base = $0.baseAddress { addAnalyticGradient(of: .entropy, for: model, draw, to: base) }
        }
      }
    }
    exact.coordinateValues = Array(repeating: exact.value, count: d)
    return exact
  }

  /// H[q] at λ = ½ (D (1 + log 2π) + log |Σ|).
  private func entropy(_ parameters: [Double]) -> Double {
    var value = 0.0
    withPrepared(parameters) { value = 0.5 * (Double(dimension) * (1 + logTwoPi) + logDeterminant($0)) }
    return value
  }

  /// Lends `body` what is prepared of one λ, without a draw.
  private func withPrepared(_ parameters: [Double], _ body: (Draw) -> Void) {
    let shape = Shape(
      samples: 1, dimension: dimension, noiseDimension: noiseDimension, parameters: parameterCount, lanes: 1)
    forEachDraw(shape, parameters, noise: [], z: [], room: 0) { draw, _, _, _ in body(draw) }
  }
}

/// Σ = U Uᵀ + S²: ∇_U E t = H U, ∂E t/∂log_scale = H_dd S_d².
extension LowRankNormal: MomentFamily {
  func addGradient(
    of t: Quadratic, _ lambda: UnsafePointer<Double>, _ slope: UnsafeMutablePointer<Double>,
    to gradient: UnsafeMutablePointer<Double>
  ) {
    let (d, r) = (dimension, rank), u = lambda + d
    t.storeGradient(at: lambda, into: slope)
    for i in 0..<d {
      gradient[i] += slope[i]
      for k in 0..<d {
        for j in 0..<r { gradient[d + i * r + j] += t.curvature[i * d + k] * u[k * r + j] }
      }
      gradient[scales + i] += t.curvature[i * d + i] * wb_exp(2 * lambda[scales + i])
    }
  }
}

/// `low-rank-normal`, by its options.
public struct LowRankNormalSpecification: FamilySpecification {
  public var rank = 2
  public init() {}

  public static let descriptor = Descriptor<Self>(
    id: "low-rank-normal", summary: "a normal whose covariance is of low rank but for a diagonal",
    equation: "q(z) = N(z; mean, U Uᵀ + diag(exp(2 log_scale))),  z = mean + U ε₁ + exp(log_scale) ⊙ ε₂",
    notes: [
      Note(
        "Parameters",
        "mean [D], factor [D·rank] (U row by row), log_scale [D]; starts at U_dj = 0.1 where j = d modulo rank, else 0, and N(0, I) beside. Rotations of U's columns are the same q."
      ),
      Note("Noise", "D + rank normals a draw: a sampling scheme's limit on D is one on that."),
      Note("Closed forms", "entropy; KL to a normal prior, diagonal or dense."),
      Note(
        "Exact", "expectations of what knows its own under a covariance, such as every model here with a normal prior."),
      Note("Cost", "O(D rank) a draw, O(D rank²) a λ."),
    ],
    references: [Reference("ong2018", "section 3"), Reference("opper2009", "equations (A.1), (A.3)")],
    options: [.integer("rank", \.rank, in: 1...100, "r, columns of U")],
    examples: [
      Example(points: ["mean=0.8,factor=0.4,log_scale=-0.5"], models: ["cosine", "gaussian"])
    ])

  public func makeFamily(dimension: Int) throws(ComponentError) -> any VariationalFamily {
    LowRankNormal(dimension: dimension, rank: rank)
  }
}
