public import GradientEstimation

/// f(z) = (z − k)². Mohamed et al. (2020), figure 2.
public struct QuadraticCost: SeparableCost, LogPolynomialModel {
  public var dimensionOption = 1
  public var k = 0.0
  public init() {}

  public static let descriptor = Descriptor<Self>(
    id: "quadratic", summary: "the cost (z − k)², for objective expectation", equation: "f(z) = Σ_d (z_d − k)²",
    references: [Reference("mohamed2020", "figure 2")],
    options: [dimensionOption, .real("k", \.k, in: .any, "where the cost is zero")])

  func value(_ z: Double) -> Double { (z - k) * (z - k) }
  func derivative(_ z: Double) -> Double { 2 * (z - k) }
  func curvature(_ z: Double) -> Double { 2 }
  func expectations(m: Double, s: Double) -> (value: Double, first: Double, second: Double, fourth: Double) {
    ((m - k) * (m - k) + s * s, 2 * s * (m - k), 2 * s * s, 0)
  }

  public func logPolynomial(of term: Term) -> LogPolynomial? {
    func all(_ x: Double) -> [Double] { Array(repeating: x, count: dimension) }
    return LogPolynomial(dimension: dimension, constant: all(k * k), linear: all(-2 * k), quadratic: all(1))
  }
}
