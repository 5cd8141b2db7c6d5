import Foundation
import GradientEstimation

/// f′(x) by central differences, extrapolated three times: an error of about 10⁻¹¹ of f.
func derivative(at x: Double, _ f: (Double) -> Double) -> Double {
  var table = [0.2, 0.1, 0.05, 0.025].map { h in (f(x + h) - f(x - h)) / (2 * h) }
  for order in 1..<table.count {
    let factor = pow(4, Double(order))
    for i in 0..<table.count - order { table[i] = (factor * table[i + 1] - table[i]) / (factor - 1) }
  }
  return table[0]
}

/// ∇f by `derivative`, one coordinate at a time.
func gradient(at x: [Double], _ f: ([Double]) -> Double) -> [Double] {
  x.indices.map { i in
    derivative(at: x[i]) { moved in
      var point = x
      point[i] = moved
      return f(point)
    }
  }
}

/// The largest |a − b|, relative to 1 + |b|; infinite unless all are finite and as many.
func largestError(_ a: [Double], _ b: [Double]) -> Double {
  guard a.count == b.count, (a + b).allSatisfy(\.isFinite) else { return .infinity }
  return zip(a, b).map { abs($0 - $1) / (1 + abs($1)) }.max() ?? .infinity
}

/// Points of the trapezoidal rule for one standard normal, and their weights: exact to rounding for entire functions.
let normalRule: [(point: Double, weight: Double)] = (-48...48).map {
  let e = Double($0) / 5
  return (e, exp(-0.5 * e * e) / 5 / (2 * Double.pi).squareRoot())
}

/// log N(z; mean, diag(e^{2 log_scale})) at λ = (mean, log_scale), coordinate by coordinate.
func logDensities(_ z: [Double], _ lambda: [Double]) -> [Double] {
  z.indices.map { d in
    let residual = (z[d] - lambda[d]) * exp(-lambda[z.count + d])
    return -0.5 * log(2 * .pi) - lambda[z.count + d] - 0.5 * residual * residual
  }
}
func logDensity(_ z: [Double], _ lambda: [Double]) -> Double { logDensities(z, lambda).reduce(0, +) }

/// log p(z) of a normal prior and log p(x | z) = e^{a·z}, which is not a sum over coordinates: with z = m + s ⊙ ε, each
/// ∂/∂ε_d multiplies by a_d s_d.
struct ExponentialModel: LatentModel, NormalExpectations {
  let normal: DiagonalNormal
  let a: [Double]
  var dimension: Int { a.count }
  var prior: (any Prior)? { normal }
  var priorParameters: [Double] { normal.mean + normal.scale.map { log($0) } }

  func evaluate(_ needed: Quantities, at draws: borrowing Draws, into evaluation: inout Evaluation) {}

  func logLikelihood(_ z: [Double]) -> Double { exp(zip(a, z).reduce(0) { $0 + $1.0 * $1.1 }) }

  func hermiteMoments(of term: Term, mean: [Double], scale: [Double]) -> HermiteMoments? {
    if term == .likelihood {
      let slopes = zip(a, scale).map { $0 * $1 }
      let value = logLikelihood(mean) * exp(0.5 * slopes.reduce(0) { $0 + $1 * $1 })
      return HermiteMoments(
        value: value, first: slopes.map { value * $0 }, second: slopes.map { value * $0 * $0 },
        fourth: slopes.map { value * pow($0, 4) })
    }
    guard term == .prior else { return nil }
    let precision = normal.precision
    let values = a.indices.map { d in
      let square = pow(mean[d] - normal.mean[d], 2) + scale[d] * scale[d]
      return -0.5 * log(2 * .pi) - log(normal.scale[d]) - 0.5 * precision[d] * square
    }
    return HermiteMoments(
      value: values.reduce(0, +), coordinateValues: values,
      first: a.indices.map { -precision[$0] * (mean[$0] - normal.mean[$0]) * scale[$0] },
      second: a.indices.map { -precision[$0] * scale[$0] * scale[$0] }, fourth: a.map { _ in 0 })
  }
}

/// A prior that no closed form knows.
struct UnknownPrior: Prior {}

/// A model of which nothing is known.
struct OpaqueModel: LatentModel {
  var dimension = 2
  var prior: (any Prior)? { UnknownPrior() }
  func evaluate(_ needed: Quantities, at draws: borrowing Draws, into evaluation: inout Evaluation) {}
}
