internal import CKernels
internal import NeuralNetworks
internal import Randomness

/// What data say of a linear decoder's parameters.
extension LinearDecoder {
  /// Where training starts: μ_i and σ_i mean and standard deviation s_i of the columns (one σ: the root of their mean square;
  /// 1 where a column is constant), and W_ij = s_i u_ij with u uniform of variance 2/(k + d) (Glorot and Bengio 2010,
  /// equation (16)). So whatever the data's units, it starts where it would with standardised data from μ = 0 and σ = 1.
  init(of data: Dataset, latent k: Int, sharesNoise: Bool, random: inout RandomStream) {
    let d = data.dimension, weights = MultilayerPerceptron(sizes: [k, d], activation: .tanh)
    var parameters = weights.initialParameters(random: &random)
    let (mean, scale) = data.meanAndScale
    for i in 0..<d {
      for j in 0..<k { parameters[i * k + j] *= scale[i] }
      parameters[k * d + i] = mean[i]
    }
    let shared = scale.reduce(0) { $0 + $1 * $1 } / Double(d)
    parameters += sharesNoise ? [0.5 * wb_log(shared)] : scale.map { wb_log($0) }
    self.init(latent: k, observationDimension: d, sharesNoise: sharesNoise, parameters: parameters)
  }

  /// θ of the greatest likelihood of the data with one σ, and (1/N) Σ_n log p(x_n) there. With l the eigenvalues of the data's
  /// covariance and U its eigenvectors
  ///
  ///     σ² = Σ_{j>k} l_j / (d − k),   W = U_k (L_k − σ² I)^½
  ///     −½ (d log 2π + Σ_{j≤k} log l_j + (d − k) log σ² + d)
  ///
  /// Tipping and Bishop (1999), equations (7) and (8). Latents beyond the (d − 1)-th, with which W Wᵀ + σ² I is any covariance,
  /// have no weights. Nil where σ² is 0 to rounding: the likelihood has no bound.
  static func principalComponents(
    of data: Dataset, latent k: Int
  ) -> (decoder: LinearDecoder, logLikelihood: Double)? {
    let d = data.dimension, used = min(k, d - 1), discarded = Double(d - used)
    guard let found = PrincipalComponents(data.values, dimension: d) else { return nil }
    let l = found.variances, variance = l[used...].reduce(0, +) / discarded
    guard variance > Double(d) * 0x1p-50 * l[0], variance.isFinite else { return nil }
    var parameters = [Double](repeating: 0, count: d * k)
    for j in 0..<used {
      // The j-th eigenvalue is no smaller than the mean of those after it, but by rounding.
      let scale = max(l[j] - variance, 0).squareRoot()
      for i in 0..<d { parameters[i * k + j] = scale * found.axes[j * d + i] }
    }
    parameters += found.mean + [0.5 * wb_log(variance)]
    let logDeterminant = l[..<used].reduce(discarded * wb_log(variance)) { $0 + wb_log($1) }
    return (
      LinearDecoder(latent: k, observationDimension: d, sharesNoise: true, parameters: parameters),
      -0.5 * (Double(d) * (logTwoPi + 1) + logDeterminant)
    )
  }
}

extension Dataset {
  /// Of each column mean and standard deviation, 1 where it is constant.
  var meanAndScale: (mean: [Double], scale: [Double]) {
    let (mean, variance) = meanAndVariance
    return (mean, variance.map { $0 > 0 && $0.isFinite ? $0.squareRoot() : 1 })
  }

  /// Of each column, the variance with divisor N.
  var meanAndVariance: (mean: [Double], variance: [Double]) {
    let d = dimension, count = Double(count)
    var mean = [Double](repeating: 0, count: d), variance = mean
    for (place, value) in values.enumerated() { mean[place % d] += value / count }
    for (place, value) in values.enumerated() {
      let deviation = value - mean[place % d]
      variance[place % d] += deviation * deviation / count
    }
    return (mean, variance)
  }
}
