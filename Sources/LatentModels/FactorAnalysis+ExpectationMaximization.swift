internal import CKernels
internal import GradientEstimation

/// Rubin and Thayer (1982); of one σ Tipping and Bishop (1999), appendix B.
///
/// - Cost: O(d² k + k³) an iteration, however many data there are, and O(N d²) once.
extension FactorAnalysis: ExpectationMaximizationModel {
  func maximized(_ inference: LocalInference) -> (model: FactorAnalysis, bound: Double)? {
    guard let moments = moments(of: .training), let expected = ExpectedFactors(decoder, moments, inference),
      expected.bound.isFinite, let best = expected.maximizer
    else { return nil }
    return (with(best), expected.bound)
  }

  func bound(_ inference: LocalInference, of part: DataPart) -> Double? {
    guard let moments = moments(of: part), let bound = ExpectedFactors(decoder, moments, inference)?.bound
    else { return nil }
    return bound.isFinite ? bound : nil
  }
}

/// The E-step of factor analysis, on average over the data. With A = I + Wᵀ Ψ⁻¹ W and B = A⁻¹ Wᵀ Ψ⁻¹
///
///     q_n = N(B (x_n − μ), V),   V = A⁻¹, or of factorised q_n diag(1/A_jj)
///
/// of which only moments matter: with x̄ and F of the data, ẑ = B (x̄ − μ) and G = B F, the z_n have the mean ẑ, the
/// covariance C = G Gᵀ + V and with x_n the covariance F Gᵀ.
struct ExpectedFactors {
  private let decoder: LinearDecoder
  private let moments: DataMoments
  /// A = L Lᵀ
  private let factor: CholeskyFactor
  /// A_jj where q_n factorises, or nil.
  private let diagonal: [Double]?
  /// ẑ, `[k]`
  private let mean: [Double]
  /// G, by columns, `[d][k]`.
  private let columns: [[Double]]

  /// Nil where A is not positive definite in floating point.
  init?(_ decoder: LinearDecoder, _ moments: DataMoments, _ inference: LocalInference) {
    let k = decoder.latent, d = decoder.observationDimension
    let precision = BandedMatrix(decoder.information, dimension: k).adding(diagonal: Array(repeating: 1, count: k))
    guard let factor = CholeskyFactor(precision) else { return nil }
    (self.decoder, self.moments, self.factor) = (decoder, moments, factor)
    diagonal = inference == .factorized ? precision.diagonal : nil
    mean = factor.solve(decoder.projection(decoder.residual(moments.mean, at: [])))
    columns = (0..<d).map { c in
      factor.solve(decoder.projection((0..<d).map { moments.factor[$0 * d + c] }))
    }
  }

  /// The log likelihood of a datum on average, and of factorised q_n less than it by KL(q_n ‖ p(z_n | x_n)) =
  /// ½ (Σ_j log A_jj − log |A|):
  ///
  ///     −½ log |2π Ψ| − ½ log |A| − ½ [‖Ψ^{−½} (F − W G)‖² + ‖G‖² + ‖Ψ^{−½} (x̄ − μ − W ẑ)‖² + ‖ẑ‖²]
  var bound: Double {
    let d = decoder.observationDimension
    var squares = mean.reduce(0) { $0 + $1 * $1 }
    for column in columns { for g in column { squares += g * g } }
    for (i, residual) in decoder.residual(moments.mean, at: mean).enumerated() {
      var own = residual * residual
      for c in 0..<d {
        let rest = rest(moments.factor[i * d + c], decoder.weights(i), c)
        own += rest * rest
      }
      squares += decoder.precisions[i] * own
    }
    let logDeterminant = diagonal?.reduce(0) { $0 + wb_log($1) } ?? factor.logDeterminant
    return decoder.constant - 0.5 * (squares + logDeterminant)
  }

  /// The M-step, the regression of x_n on (z_n, 1):
  ///
  ///     W' = F Gᵀ C⁻¹,   μ' = x̄ − W' ẑ,   Ψ'_i = ‖(F − W' G)_i‖² + w'_iᵀ V w'_i
  ///
  /// with w'_i row i of W', and of one σ the mean of the Ψ'_i. Nil where one is 0 to rounding.
  var maximizer: LinearDecoder? {
    let k = decoder.latent, d = decoder.observationDimension
    var second = SymmetricMatrix(dimension: k), covariance = [Double](repeating: 0, count: k * k)
    if let diagonal {
      for j in 0..<k { covariance[j * k + j] = 1 / diagonal[j] }
    } else {
      covariance = factor.inverse
    }
    for a in 0..<k {
      for b in 0...a { second.add(columns.reduce(covariance[a * k + b]) { $0 + $1[a] * $1[b] }, a, b) }
    }
    guard let solver = CholeskyFactor(BandedMatrix(second.elements, dimension: k)) else { return nil }
    var weights: [Double] = [], means: [Double] = [], variances: [Double] = []
    for i in 0..<d {
      var cross = [Double](repeating: 0, count: k)
      for (c, f) in moments.row(i).enumerated() { for j in 0..<k { cross[j] += f * columns[c][j] } }
      let own = solver.solve(cross)
      weights += own
      means.append(zip(own, mean).reduce(moments.mean[i]) { $0 - $1.0 * $1.1 })
      let spread = diagonal.map { zip(own, $0).map { $0 * $0 / $1 } } ?? factor.solveLower(own).map { $0 * $0 }
      variances.append(
        (0..<d).reduce(spread.reduce(0, +)) { sum, c in
          let rest = rest(moments.factor[i * d + c], own[...], c)
          return sum + rest * rest
        })
    }
    guard let logNoise = logNoise(variances) else { return nil }
    return decoder.with(parameters: weights + means + logNoise)
  }

  /// f − w·G_c
  private func rest(_ f: Double, _ weights: ArraySlice<Double>, _ c: Int) -> Double {
    zip(weights, columns[c]).reduce(f) { $0 - $1.0 * $1.1 }
  }

  /// log σ of the variances Ψ'_i, or nil where one is no more than what rounding leaves of the data's.
  private func logNoise(_ variances: [Double]) -> [Double]? {
    let share = Double(variances.count) * 0x1p-50, whole = variances.indices.map { moments.variance($0) }
    func isNoise(_ variance: Double, of whole: Double) -> Bool { variance > share * whole && variance.isFinite }
    guard decoder.sharesNoise else {
      guard zip(variances, whole).allSatisfy({ isNoise($0, of: $1) }) else { return nil }
      return variances.map { 0.5 * wb_log($0) }
    }
    let mean = variances.reduce(0, +) / Double(variances.count)
    return isNoise(mean, of: whole.reduce(0, +) / Double(whole.count)) ? [0.5 * wb_log(mean)] : nil
  }
}
