import GradientEstimation

/// How ∇_z of a model relates to what it should be.
protocol Slope: Sendable, Hashable {
  static var id: String { get }
  static var factor: Double { get }
}
enum RightSlope: Slope {
  static let id = "quartic-right"
  static let factor = 1.0
}
enum WrongSlope: Slope {
  static let id = "quartic-wrong"
  static let factor = 1.05
}

/// z ~ N(0, 1), log p(x | z) = −(z − 1)⁴/4 up to a constant: no expectation is stated.
struct QuarticModel<S: Slope>: LatentModel, DifferentiableModel, IntegrandSpecification {
  static var descriptor: Descriptor<Self> {
    Descriptor(
      id: S.id, summary: "a quartic likelihood",
      examples: [Example(normals: [NormalPoint(mean: -0.5, scale: 0.4), NormalPoint(mean: 2, scale: 0.3)])])
  }
  func makeIntegrand() throws(ComponentError) -> any Integrand { self }
  var dimension: Int { 1 }
  var prior: (any Prior)? { DiagonalNormal.standard(1) }

  func evaluate(_ needed: Quantities, at draws: borrowing Draws, into evaluation: inout Evaluation) {
    let z = draws.z
    for term in needed.values.members {
      evaluation.withValues(of: term) { values in
        for i in z.indices {
          let u = z[i] - 1
          values[i] = term == .prior ? -0.5 * z[i] * z[i] : -0.25 * u * u * u * u
        }
      }
    }
    for term in needed.gradients.terms.members {
      evaluation.withGradient(of: Terms(term)) { gradient in
        for i in z.indices {
          let u = z[i] - 1
          gradient[i] = term == .prior ? -z[i] : -u * u * u * S.factor
        }
      }
    }
  }
}
