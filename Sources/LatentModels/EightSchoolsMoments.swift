internal import CKernels
public import GradientEstimation

/// Everything is linear or quadratic in mu, theta and eta, and a sum of powers e^{a u} of tau in u = log tau, with
/// E e^{a u} = e^{a m + a² s²/2} and ∂ʲ/∂uʲ e^{a u} = aʲ e^{a u}.
extension EightSchools {
  public func hermiteMoments(of term: Term, mean: [Double], scale: [Double]) -> HermiteMoments? {
    switch (term, parametrisation) {
    case (.prior, .centred): centredPrior(mean, scale)
    case (.prior, .nonCentred): nonCentredPrior(mean, scale)
    case (.likelihood, .centred): centredLikelihood(mean, scale)
    case (.likelihood, .nonCentred): nonCentredLikelihood(mean, scale)
    default: nil
    }
  }

  /// E e^{a u}
  private func power(_ a: Double, _ mean: [Double], _ scale: [Double]) -> Double {
    wb_exp(a * mean[1] + 0.5 * a * a * scale[1] * scale[1])
  }

  /// log N(mu; 0, 5²), and u − softplus(2u − log 5²), where softplus and its derivatives are by quadrature.
  private func hyperprior(_ mean: [Double], _ scale: [Double]) -> HermiteMoments {
    var moments = HermiteMoments.zero(dimension: dimension)
    let precision = 1 / (Self.hyperscale * Self.hyperscale), slope = 2 * scale[1]
    var softplus = [0.0, 0, 0, 0]
    wb_softplus_moments(2 * mean[1] - Self.logSquare, slope, &softplus)
    moments.value =
      Self.hyperpriorConstant - 0.5 * precision * (mean[0] * mean[0] + scale[0] * scale[0]) + mean[1] - softplus[0]
    moments.first[0] = -precision * mean[0] * scale[0]
    moments.second[0] = -precision * scale[0] * scale[0]
    moments.first[1] = scale[1] - slope * softplus[1]
    moments.second[1] = -slope * slope * softplus[2]
    moments.fourth[1] = -slope * slope * slope * slope * softplus[3]
    return moments
  }

  /// With Q = E (theta − mu)² and R = E e^{−2u}, the terms −½ log 2π − u − ½ e^{−2u} (theta − mu)².
  private func centredPrior(_ mean: [Double], _ scale: [Double]) -> HermiteMoments {
    var moments = hyperprior(mean, scale)
    let precision = power(-2, mean, scale), s = scale[1]
    for j in 2..<dimension {
      let distance = mean[j] - mean[0]
      let square = precision * (distance * distance + scale[j] * scale[j] + scale[0] * scale[0])
      moments.value -= 0.5 * logTwoPi + mean[1] + 0.5 * square
      moments.first[0] += scale[0] * precision * distance
      moments.second[0] -= scale[0] * scale[0] * precision
      moments.first[1] += s * (square - 1)
      moments.second[1] -= 2 * s * s * square
      moments.fourth[1] -= 8 * s * s * s * s * square
      moments.first[j] = -scale[j] * precision * distance
      moments.second[j] = -scale[j] * scale[j] * precision
    }
    return moments
  }

  private func nonCentredPrior(_ mean: [Double], _ scale: [Double]) -> HermiteMoments {
    var moments = hyperprior(mean, scale)
    for j in 2..<dimension {
      moments.value -= 0.5 * (logTwoPi + mean[j] * mean[j] + scale[j] * scale[j])
      moments.first[j] = -mean[j] * scale[j]
      moments.second[j] = -scale[j] * scale[j]
    }
    return moments
  }

  private func centredLikelihood(_ mean: [Double], _ scale: [Double]) -> HermiteMoments {
    var moments = HermiteMoments.zero(dimension: dimension)
    moments.value = Self.likelihoodConstant
    for (i, effect) in Self.effects.enumerated() {
      let j = 2 + i, residual = effect - mean[j], precision = Self.precisions[i]
      moments.value -= 0.5 * precision * (residual * residual + scale[j] * scale[j])
      moments.first[j] = precision * residual * scale[j]
      moments.second[j] = -precision * scale[j] * scale[j]
    }
    return moments
  }

  /// −½ ((y − mu)² − 2 (y − mu) e^u eta + e^{2u} eta²)/s² but the constant.
  private func nonCentredLikelihood(_ mean: [Double], _ scale: [Double]) -> HermiteMoments {
    var moments = HermiteMoments.zero(dimension: dimension)
    moments.value = Self.likelihoodConstant
    let tau = power(1, mean, scale), square = power(2, mean, scale), s = scale[1]
    for (i, effect) in Self.effects.enumerated() {
      let j = 2 + i, precision = Self.precisions[i], residual = effect - mean[0]
      let cross = residual * tau * mean[j], own = square * (mean[j] * mean[j] + scale[j] * scale[j])
      moments.value -= 0.5 * precision * (residual * residual + scale[0] * scale[0] - 2 * cross + own)
      moments.first[0] += precision * scale[0] * (residual - tau * mean[j])
      moments.second[0] -= precision * scale[0] * scale[0]
      moments.first[1] += precision * s * (cross - own)
      moments.second[1] += precision * s * s * (cross - 2 * own)
      moments.fourth[1] += precision * s * s * s * s * (cross - 8 * own)
      moments.first[j] = precision * scale[j] * (residual * tau - square * mean[j])
      moments.second[j] = -precision * scale[j] * scale[j] * square
    }
    return moments
  }
}

/// Eight schools with all but u = log tau integrated out: y_j | mu, u ~ N(mu, s_j² + tau²), and mu ~ N(0, 5²).
struct EightSchoolsMarginal {
  /// log p(u, y)
  let logDensity: Double
  /// E[mu | u, y] and E[theta_j | u, y].
  let mean: Double
  let effects: [Double]
  /// var(mu | u, y)
  let variance: Double

  init(logScale u: Double) {
    let square = wb_exp(2 * u), t = 2 * u - EightSchools.logSquare
    var precision = 1 / (EightSchools.hyperscale * EightSchools.hyperscale), information = 0.0, density = 0.0
    for (effect, error) in zip(EightSchools.effects, EightSchools.errors) {
      let inverse = 1 / (error * error + square)
      precision += inverse
      information += effect * inverse
      density -= 0.5 * (logTwoPi - wb_log(inverse) + effect * effect * inverse)
    }
    let center = information / precision
    density += 0.5 * (information * center - wb_log(precision) - EightSchools.logSquare)
    density += wb_log(2 / (EightSchools.hyperscale * Double.pi)) + u - max(t, 0) - wb_log(1 + wb_exp(-abs(t)))
    logDensity = density
    mean = center
    variance = 1 / precision
    effects = zip(EightSchools.effects, EightSchools.errors).map { effect, error in
      (effect * square + center * error * error) / (square + error * error)
    }
  }

  /// The trapezoidal rule over u. The poles of the integrand nearest to the real axis are at ± i π/2, so that a step of
  /// 1/16 leaves an error of e^{−16 π²}; p(u, y) falls as e^u to the left and faster to the right.
  static let rule = (-640...320).map { Double($0) / 16 }

  /// log ∫ p(u, y) du
  static let logEvidence = {
    let logs = rule.map { EightSchoolsMarginal(logScale: $0).logDensity }, greatest = logs.max() ?? 0
    return greatest + wb_log(logs.reduce(0) { $0 + wb_exp($1 - greatest) } / 16)
  }()
}
