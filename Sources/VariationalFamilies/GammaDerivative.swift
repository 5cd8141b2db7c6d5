internal import CKernels

/// dh/da of a transformation y = h(ε, a) of a gamma variate, and d log π(ε; a)/da, at ε = h⁻¹(y, a).
struct GammaDerivative {
  let slope: Double
  let correction: Double

  /// log y = ψ(a) + ε √ψ₁(a), so that d log y/da = ψ₁ + ε ψ₂/(2√ψ₁), and π(ε; a) ∝ √ψ₁ y^a e^{−y}/Γ(a).
  ///
  /// Ruiz, Titsias and Blei (2016), section 3.
  static func standardizedLogarithm(_ row: GammaRow, y: Double) -> GammaDerivative {
    let variance = wb_trigamma(row.shape), bend = wb_tetragamma(row.shape) / (2 * variance)
    let deviation = wb_log(y) - row.digamma
    let logarithmic = variance + deviation * bend
    return GammaDerivative(
      slope: y * logarithmic, correction: deviation + (row.shape - y) * logarithmic + bend)
  }

  /// With A = a + B and v = 1 + ε/√(9A − 3) = (y_B/(A − ⅓))^{1/3}: ∂h/∂A = v² (3 − v)/2 and
  ///
  ///     ∂ log π/∂A = log y_B − ψ(A) + ((A − 1)/y_B − 1) ∂h/∂A + 1/(2(A − ⅓)) − (v − 1)/((A − ⅓) v)
  ///
  /// and then y = y_B Π_i u_i^{1/(a+i−1)}, u_i uniform, i = 1…B. Naesseth et al. (2017), section 3 and supplement.
  ///
  /// Given y, the steps go up: y_i = y_{i−1} + e_i with e_i ~ Exp(1) from y_0 = y, and u_i = (y_{i−1}/y_i)^{a+i−1}. For
  /// y_{i−1} = y_i u^{1/(a+i−1)} has density (a+i−1) y_{i−1}^{a+i−2}/y_i^{a+i−1} below y_i ~ Gamma(a + i), and the product of
  /// the two is in y_i proportional to e^{−y_i}. So draws of q serve, whatever B.
  static func rejectionSampler(
    _ row: GammaRow, y: Double, augmentation: Int, _ uniforms: borrowing Span<Double>, first: Int, step: Int
  ) -> GammaDerivative {
    let shape = row.shape + Double(augmentation)
    guard shape >= 1 else { return GammaDerivative(slope: .nan, correction: .nan) }
    var top = y, steps = 0.0
    for i in 0..<augmentation {
      let next = top - wb_log(uniforms[first + i * step])
      steps += (wb_log(next) - wb_log(top)) / (row.shape + Double(i))
      top = next
    }
    let digamma = augmentation == 0 ? row.digamma : wb_digamma(shape)
    let c = shape - 1.0 / 3, logarithm = wb_log(top), v = wb_exp((logarithm - wb_log(c)) / 3)
    let rise = 0.5 * v * v * (3 - v)
    return GammaDerivative(
      slope: y * (rise / top + steps),
      correction: logarithm - digamma + ((shape - 1) / top - 1) * rise + (0.5 - (v - 1) / v) / c)
  }
}
