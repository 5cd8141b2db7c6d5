internal import CKernels

/// φ = (1/s) log (1/K) Σ_k w_k^s, the logarithm of the weights' power mean; at s = 0 their mean logarithm.
///
/// φ_k = v_k = w_k^s / Σ_j w_j^s, and ∂²φ/∂ℓ_k² = s v_k (1 − v_k).
func logPowerMean(
  _ exponent: Double, of logWeights: UnsafeBufferPointer<Double>, slopes: UnsafeMutableBufferPointer<Double>,
  curvatures: UnsafeMutableBufferPointer<Double>
) -> Double {
  let count = Double(logWeights.count)
  var greatest = -Double.infinity, sum = 0.0
  for weight in logWeights { greatest = max(greatest, exponent * weight) }
  guard exponent != 0, greatest.isFinite else {
    // All weights zero: φ is −∞ and has no slope.
    for k in logWeights.indices { (slopes[k], curvatures[k]) = (exponent == 0 ? 1 / count : .nan, 0) }
    return exponent == 0 ? logWeights.reduce(0, +) / count : greatest / exponent
  }
  for k in logWeights.indices {
    slopes[k] = wb_exp(exponent * logWeights[k] - greatest)
    sum += slopes[k]
  }
  for k in logWeights.indices {
    slopes[k] /= sum
    curvatures[k] = exponent * slopes[k] * (1 - slopes[k])
  }
  return (greatest + wb_log(sum / count)) / exponent
}
