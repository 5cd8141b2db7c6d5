public import GradientEstimation

/// RMSProp,
///
///     s ← ρ s + (1 − ρ) g²,   λ ← λ + α_t g / (√s + ε)
///
/// with s = 0 at the start and no correction for it, so that the first steps are longer by up to (1 − ρ)^{−1/2}.
/// Tieleman and Hinton (2012).
public struct RMSProp: Optimizer {
  public var stepSize = StepSize(0.01)
  public var rho = 0.9
  public var epsilon = 1e-8
  public var averageFrom: Int?

  public init() {}

  public static let descriptor = Descriptor<Self>(
    id: "rmsprop", summary: "steps divided by a running root mean square of the gradient",
    equation: "s ← ρ s + (1 − ρ) g²,  λ ← λ + α_t g/(√s + ε)", references: [Reference("tieleman2012")],
    options: options(
      [
        .real("rho", \.rho, in: RealBounds(lower: 0, upper: 0.999999), "ρ, the weight of the past"),
        .real("epsilon", \.epsilon, in: .positive, "ε, added to the root"),
      ], averageFrom: \.averageFrom))

  /// s, `[P]`
  public func initialState(parameterCount: Int) -> [Double] { Array(repeating: 0, count: parameterCount) }

  public func update(_ parameters: inout [Double], gradient: [Double], rate: Double, state: inout [Double]) {
    for p in parameters.indices {
      state[p] = rho * state[p] + (1 - rho) * gradient[p] * gradient[p]
      parameters[p] += rate * gradient[p] / (state[p].squareRoot() + epsilon)
    }
  }
}
