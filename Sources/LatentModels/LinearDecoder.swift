internal import CKernels
internal import GradientEstimation

/// p_θ(z) p_θ(x | z) of factor analysis, and where the noise is shared of probabilistic PCA:
///
///     z ~ N(0, I_k),   x | z ~ N(W z + μ, Ψ),   Ψ = diag(σ_1², …, σ_d²) or σ² I_d
///
/// Tipping and Bishop (1999), equations (1) and (2).
///
/// - θ: blocks `weights`, W row by row `[d × k]`; `mean`, μ `[d]`; `log_noise`, log σ `[d]`, or one number.
/// - Tape: the slopes Ψ⁻¹ (x − W z − μ), `[K × d × B]`, of which gradients in θ are made.
/// - Cost: O(k d) a draw, and O(k² d) once for each θ.
struct LinearDecoder: Sendable {
  /// k
  let latent: Int
  /// d
  let observationDimension: Int
  /// Whether one σ is that of all columns.
  let sharesNoise: Bool
  /// θ, `[Q]`
  let parameters: [Double]
  /// N(0, I_k)
  let prior: DiagonalNormal
  /// σ_i⁻², `[d]`
  let precisions: [Double]
  /// Wᵀ Ψ⁻¹ W, `[k × k]`: −∇²_z log p(x | z), whatever x and z.
  let information: [Double]
  /// −½ log |2π Ψ|
  let constant: Double

  init(latent k: Int, observationDimension d: Int, sharesNoise: Bool, parameters: [Double]) {
    precondition(
      parameters.count == k * d + d + (sharesNoise ? 1 : d), "LinearDecoder: parameters must be [Q]")
    (latent, observationDimension, self.sharesNoise, self.parameters) = (k, d, sharesNoise, parameters)
    prior = .standard(k)
    let logNoise = (0..<d).map { parameters[k * d + d + (sharesNoise ? 0 : $0)] }
    precisions = logNoise.map { wb_exp(-2 * $0) }
    constant = logNoise.reduce(0) { $0 - ($1 + 0.5 * logTwoPi) }
    var information = SymmetricMatrix(dimension: k)
    for a in 0..<k {
      for b in 0...a {
        var sum = 0.0
        for i in 0..<d { sum += precisions[i] * parameters[i * k + a] * parameters[i * k + b] }
        information.add(sum, a, b)
      }
    }
    self.information = information.elements
  }

  func with(parameters: [Double]) -> LinearDecoder {
    LinearDecoder(
      latent: latent, observationDimension: observationDimension, sharesNoise: sharesNoise, parameters: parameters)
  }

  var meanStart: Int { latent * observationDimension }
  var noiseStart: Int { meanStart + observationDimension }
  /// Where log σ_i is.
  func noisePlace(_ i: Int) -> Int { noiseStart + (sharesNoise ? 0 : i) }

  var parameterBlocks: [ParameterBlock] {
    [
      ParameterBlock(name: "weights", range: 0..<meanStart),
      ParameterBlock(name: "mean", range: meanStart..<noiseStart),
      ParameterBlock(name: "log_noise", range: noiseStart..<parameters.count),
    ]
  }

  /// ∇²_z of a term, `[k × k]`, at any z.
  func hessian(of term: Term) -> [Double] { term == .prior ? prior.hessian : information.map { -$0 } }

  /// Row i of W.
  func weights(_ i: Int) -> ArraySlice<Double> { parameters[i * latent..<(i + 1) * latent] }

  /// x − W z − μ, `[d]`.
  func residual(_ x: [Double], at z: [Double]) -> [Double] {
    (0..<observationDimension).map { i in
      zip(weights(i), z).reduce(x[i] - parameters[meanStart + i]) { $0 - $1.0 * $1.1 }
    }
  }

  /// log p(x | z) of such a residual.
  func logDensity(ofResidual residual: [Double]) -> Double {
    zip(residual, precisions).reduce(constant) { $0 - 0.5 * $1.0 * $1.0 * $1.1 }
  }

  /// Wᵀ Ψ⁻¹ r, `[k]`, of r `[d]`.
  func projection(_ residual: [Double]) -> [Double] {
    var sum = [Double](repeating: 0, count: latent)
    for (i, r) in residual.enumerated() {
      let slope = precisions[i] * r
      for j in 0..<latent { sum[j] += slope * parameters[i * latent + j] }
    }
    return sum
  }
}

// MARK: Expectations under normals

extension LinearDecoder {
  /// E log p(x | z), E ∇_z and E ∇²_z of it under z ~ N(m, S): with r = x − W m − μ
  ///
  ///     E = log p(x | m) − ½ tr(Wᵀ Ψ⁻¹ W S),   E ∇ = Wᵀ Ψ⁻¹ r,   E ∇² = −Wᵀ Ψ⁻¹ W
  func moments(_ x: [Double], mean: [Double], covariance: [Double]) -> CovarianceMoments {
    let residual = residual(x, at: mean)
    return CovarianceMoments(
      value: zip(information, covariance).reduce(logDensity(ofResidual: residual)) { $0 - 0.5 * $1.0 * $1.1 },
      gradient: projection(residual), hessian: information.map { -$0 })
  }

  /// The same in standardised coordinates, of S = diag(scale²).
  func moments(_ x: [Double], mean: [Double], scale: [Double]) -> HermiteMoments {
    let residual = residual(x, at: mean), k = latent
    let second = (0..<k).map { -information[$0 * k + $0] * scale[$0] * scale[$0] }
    return HermiteMoments(
      value: second.reduce(logDensity(ofResidual: residual)) { $0 + 0.5 * $1 },
      first: zip(projection(residual), scale).map { $0 * $1 }, second: second, fourth: scale.map { _ in 0 })
  }

  /// E ∇_θ log p(x | z) under z ~ N(m, S), `[Q]`:
  ///
  ///     ∇_W = Ψ⁻¹ (r mᵀ − W S),   ∇_μ = Ψ⁻¹ r,   ∂_{log σ_i} = (r_i² + w_iᵀ S w_i)/σ_i² − 1
  ///
  /// with w_i row i of W; the last summed up where σ is shared.
  func gradient(_ x: [Double], mean: [Double], covariance: [Double]) -> [Double] {
    let residual = residual(x, at: mean), k = latent
    var gradient = [Double](repeating: 0, count: parameters.count)
    for (i, r) in residual.enumerated() {
      let precision = precisions[i]
      var spread = 0.0
      for a in 0..<k {
        var image = 0.0
        for b in 0..<k { image += parameters[i * k + b] * covariance[b * k + a] }
        gradient[i * k + a] = precision * (r * mean[a] - image)
        spread += image * parameters[i * k + a]
      }
      gradient[meanStart + i] = precision * r
      gradient[noisePlace(i)] += precision * (r * r + spread) - 1
    }
    return gradient
  }
}
