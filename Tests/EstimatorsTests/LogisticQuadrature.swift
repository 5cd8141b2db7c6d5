import Foundation

/// Expectations over the logistic noise of a relaxed bit of logit φ, by Simpson's rule in ζ = φ + logit u.
struct LogisticQuadrature {
  let phi: Double
  var theta: Double { 1 / (1 + exp(-phi)) }

  init(theta: Double) { phi = log(theta / (1 - theta)) }
  init(phi: Double) { self.phi = phi }

  static func sigmoid(_ x: Double) -> Double { 1 / (1 + exp(-x)) }

  /// E h(ζ)
  func expectation(_ h: (Double) -> Double) -> Double { part(-45, 0, h) + part(0, 45, h) }

  /// E[h(ζ); ζ > 0] or E[h(ζ); ζ < 0]. Steps are fine about 0, where a small temperature makes h steep: ζ = ± s³.
  func expectation(where bit: Bool, _ h: (Double) -> Double) -> Double {
    bit ? part(0, 45, h) : part(-45, 0, h)
  }

  private func part(_ low: Double, _ high: Double, _ h: (Double) -> Double) -> Double {
    let sign = high > 0 ? 1.0 : -1, end = cbrt(max(high, -low))
    return Quadrature.integral(0, end, 4000) { s in
      let zeta = sign * s * s * s, density = Self.sigmoid(zeta - phi) * Self.sigmoid(phi - zeta)
      return 3 * s * s * density * h(zeta)
    }
  }

  typealias Moments = (mean: Double, variance: Double)

  func moments(_ g: (Double) -> Double) -> Moments {
    let mean = expectation(g)
    return (mean, expectation { (g($0) - mean) * (g($0) - mean) })
  }
}

/// f(z) = (z − t)² of one bit under relaxation at τ: what estimators of its gradient are for ζ.
struct RelaxedToy {
  let t, tau: Double
  func f(_ x: Double) -> Double { (x - t) * (x - t) }
  func slope(_ x: Double) -> Double { 2 * (x - t) }
  func x(_ zeta: Double) -> Double { LogisticQuadrature.sigmoid(zeta / tau) }
  func dx(_ zeta: Double) -> Double { x(zeta) * LogisticQuadrature.sigmoid(-zeta / tau) / tau }
  func concrete(_ zeta: Double) -> Double { slope(x(zeta)) * dx(zeta) }
  func straightThrough(_ zeta: Double) -> Double { slope(zeta > 0 ? 1 : 0) * dx(zeta) }
}
