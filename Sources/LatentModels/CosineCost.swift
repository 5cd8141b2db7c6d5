import Foundation
public import GradientEstimation

/// f(z) = cos(k z). Mohamed et al. (2020), figure 3.
///
/// Exact: E cos(k(m + sε)) = cos(km) e^{−k²s²/2}, and each ∂/∂ε multiplies by ks and turns the phase by π/2.
public struct CosineCost: SeparableCost {
  public var dimensionOption = 1
  public var k = 1.0
  public init() {}

  public static let descriptor = Descriptor<Self>(
    id: "cosine", summary: "the cost cos(k z), for objective expectation", equation: "f(z) = Σ_d cos(k z_d)",
    references: [Reference("mohamed2020", "figure 3")],
    options: [dimensionOption, .real("k", \.k, in: .any, "angular frequency")])

  func value(_ z: Double) -> Double { cos(k * z) }
  func derivative(_ z: Double) -> Double { -k * sin(k * z) }
  func curvature(_ z: Double) -> Double { -k * k * cos(k * z) }
  func expectations(m: Double, s: Double) -> (value: Double, first: Double, second: Double, fourth: Double) {
    let t = k * s, damping = exp(-0.5 * t * t), value = cos(k * m) * damping
    return (value, -t * sin(k * m) * damping, -t * t * value, t * t * t * t * value)
  }
}
