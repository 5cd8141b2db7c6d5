public import GradientEstimation

/// f(z) = z. Mohamed et al. (2020), section 3.
public struct LinearCost: SeparableCost, LogPolynomialModel {
  public var dimensionOption = 1
  public init() {}

  public static let descriptor = Descriptor<Self>(
    id: "linear", summary: "the cost z, for objective expectation", equation: "f(z) = Σ_d z_d",
    references: [Reference("mohamed2020", "section 3")], options: [dimensionOption])

  func value(_ z: Double) -> Double { z }
  func derivative(_ z: Double) -> Double { 1 }
  func curvature(_ z: Double) -> Double { 0 }
  func expectations(m: Double, s: Double) -> (value: Double, first: Double, second: Double, fourth: Double) {
    (m, s, 0, 0)
  }

  public func logPolynomial(of term: Term) -> LogPolynomial? {
    LogPolynomial(dimension: dimension, linear: Array(repeating: 1, count: dimension))
  }
}
