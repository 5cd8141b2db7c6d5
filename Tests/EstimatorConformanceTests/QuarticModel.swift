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

/// The same model by its values alone; by differences that are too wide, its gradient is wrong by 4 u h².
struct QuarticValues<S: Step>: LatentModel, NumericallyDifferentiatedModel, IntegrandSpecification {
  static var descriptor: Descriptor<Self> {
    Descriptor(
      id: S.id, summary: "a quartic likelihood by its values", examples: QuarticModel<RightSlope>.descriptor.examples)
  }
  func makeIntegrand() throws(ComponentError) -> any Integrand { self }
  var dimension: Int { 1 }
  var prior: (any Prior)? { DiagonalNormal.standard(1) }
  var differenceStep: Double { S.step }

  func evaluate(_ needed: Quantities, at draws: borrowing Draws, into evaluation: inout Evaluation) {
    precondition(needed.gradients == [], "QuarticValues: asked for a gradient")
    QuarticModel<RightSlope>().evaluate(needed, at: draws, into: &evaluation)
  }
}

/// How far apart a gradient's differences are taken.
protocol Step: Sendable, Hashable {
  static var id: String { get }
  static var step: Double { get }
}
enum FineStep: Step {
  static let id = "quartic-differences"
  static let step = 0x1p-17
}
enum WideStep: Step {
  static let id = "quartic-wide-differences"
  static let step = 0.5
}
