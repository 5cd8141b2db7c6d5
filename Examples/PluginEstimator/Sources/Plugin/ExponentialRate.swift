import Foundation
import GradientEstimation

/// N waiting times of mean `mean`, with a log-normal rate:
///
///     z ~ N(0, 1),   y_n | z ~ Exponential(e^z),   log p(y | z) = N (z − mean e^z)
///
/// - Serves: values and gradients of prior and likelihood.
/// - Exact: ELBO and gradient under a normal, since E e^z = e^{m + s²/2} for z ~ N(m, s²).
struct ExponentialRate: LatentModel, DifferentiableModel, NormalExpectations, IntegrandSpecification {
  var count = 20
  var mean = 2.0

  init() {}

  static let descriptor = Descriptor<Self>(
    id: "exponential-rate", summary: "exponential waiting times with a log-normal rate",
    equation: "z ~ N(0, 1),  y_n | z ~ Exponential(exp(z))",
    notes: [Note("Exact", "ELBO and gradient.")],
    options: [
      .integer("count", \.count, in: 1...1_000_000, "N, the number of waiting times"),
      .real("mean", \.mean, in: .positive, "their mean"),
    ],
    examples: [Example(normals: [NormalPoint(mean: 0.8, scale: 0.3), NormalPoint(mean: -2, scale: 0.6)])])

  func makeIntegrand() throws(ComponentError) -> any Integrand { self }

  var dimension: Int { 1 }
  var prior: (any Prior)? { DiagonalNormal.standard(1) }
  var namedDistributions: [String: any Prior] { ["prior": DiagonalNormal.standard(1)] }

  private func value(_ term: Term, _ z: Double) -> Double {
    term == .prior ? -0.5 * (log(2 * .pi) + z * z) : Double(count) * (z - mean * exp(z))
  }

  private func slope(_ term: Term, _ z: Double) -> Double {
    term == .prior ? -z : Double(count) * (1 - mean * exp(z))
  }

  /// With D = 1 both `[K × B]` and `[K × D × B]` have an element for each z.
  func evaluate(_ needed: Quantities, at draws: borrowing Draws, into evaluation: inout Evaluation) {
    let z = draws.z
    for term in needed.values.members {
      evaluation.withValues(of: term) { values in for i in z.indices { values[i] = value(term, z[i]) } }
    }
    for term in needed.gradients.terms.members {
      evaluation.withGradient(of: Terms(term)) { gradient in for i in z.indices { gradient[i] = slope(term, z[i]) } }
    }
  }

  /// The derivatives in ε of z = m + s ε: each brings a factor s.
  func hermiteMoments(of term: Term, mean m: [Double], scale s: [Double]) -> HermiteMoments? {
    let (m, s) = (m[0], s[0])
    if term == .prior {
      return HermiteMoments(
        value: -0.5 * (log(2 * .pi) + m * m + s * s), first: [-m * s], second: [-s * s], fourth: [0])
    }
    guard term == .likelihood else { return nil }
    let n = Double(count), rate = n * mean * exp(m + 0.5 * s * s)
    return HermiteMoments(
      value: n * m - rate, first: [s * (n - rate)], second: [-s * s * rate], fourth: [-s * s * s * s * rate])
  }
}
