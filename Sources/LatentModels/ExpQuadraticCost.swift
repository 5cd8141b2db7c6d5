import Foundation
public import GradientEstimation

/// f(z) = e^{−k z²}. Mohamed et al. (2020), figure 3.
///
/// Exact: E f = G = (1 + 2ks²)^{−1/2} exp(−k m²/(1 + 2ks²)); under N(0, 1) tilted by f, ε is normal with mean
/// −2kms/(1 + 2ks²) and variance 1/(1 + 2ks²), and E ∂ʲf/∂εʲ = G E_tilted He_j(ε).
public struct ExpQuadraticCost: SeparableCost {
  public var dimensionOption = 1
  public var k = 1.0
  public init() {}

  public static let descriptor = Descriptor<Self>(
    id: "exp-quadratic", summary: "the cost exp(−k z²), for objective expectation",
    equation: "f(z) = Σ_d exp(−k z_d²)", references: [Reference("mohamed2020", "figure 3")],
    options: [dimensionOption, .real("k", \.k, in: .positive, "how narrow the bump is")])

  func value(_ z: Double) -> Double { exp(-k * z * z) }
  func derivative(_ z: Double) -> Double { -2 * k * z * exp(-k * z * z) }
  func curvature(_ z: Double) -> Double { (4 * k * k * z * z - 2 * k) * exp(-k * z * z) }
  func expectations(m: Double, s: Double) -> (value: Double, first: Double, second: Double, fourth: Double) {
    let spread = 1 + 2 * k * s * s
    let g = exp(-k * m * m / spread) / spread.squareRoot()
    let a = -2 * k * m * s / spread, v = 1 / spread
    let second = a * a + v, fourth = a * a * a * a + 6 * a * a * v + 3 * v * v
    return (g, g * a, g * (second - 1), g * (fourth - 6 * second + 3))
  }
}
