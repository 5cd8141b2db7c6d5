public import GradientEstimation

/// Adam,
///
///     m ← β₁ m + (1 − β₁) g,   v ← β₂ v + (1 − β₂) g²
///     λ ← λ + α_t m̂ / (√v̂ + ε),   m̂ = m/(1 − β₁ᵗ),   v̂ = v/(1 − β₂ᵗ)
///
/// Kingma and Ba (2015), algorithm 1.
public struct Adam: Optimizer {
  public var stepSize = StepSize(0.01)
  public var beta1 = 0.9
  public var beta2 = 0.999
  public var epsilon = 1e-8
  public var averageFrom: Int?

  public init() {}

  public static let descriptor = Descriptor<Self>(
    id: "adam", summary: "a running mean of the gradient over its running root mean square, bias-corrected",
    equation: "m ← β₁ m + (1 − β₁) g,  v ← β₂ v + (1 − β₂) g²,  λ ← λ + α_t m̂/(√v̂ + ε)",
    references: [Reference("kingma2015", "algorithm 1")],
    options: options(
      [
        .real("beta1", \.beta1, in: RealBounds(lower: 0, upper: 0.999999), "β₁"),
        .real("beta2", \.beta2, in: RealBounds(lower: 0, upper: 0.9999999), "β₂"),
        .real("epsilon", \.epsilon, in: .positive, "ε, added to the root"),
      ], averageFrom: \.averageFrom))

  public struct State: Codable, Hashable, Sendable {
    /// m and v, `[P]`
    public var first, second: [Double]
    /// β₁ᵗ and β₂ᵗ
    var power1 = 1.0
    var power2 = 1.0
  }

  public func initialState(parameterCount: Int) -> State {
    let zeros = [Double](repeating: 0, count: parameterCount)
    return State(first: zeros, second: zeros)
  }

  public func update(_ parameters: inout [Double], gradient: [Double], rate: Double, state: inout State) {
    state.power1 *= beta1
    state.power2 *= beta2
    let (correction1, correction2) = (1 - state.power1, 1 - state.power2)
    for p in parameters.indices {
      let g = gradient[p]
      state.first[p] = beta1 * state.first[p] + (1 - beta1) * g
      state.second[p] = beta2 * state.second[p] + (1 - beta2) * g * g
      parameters[p] += rate * (state.first[p] / correction1) / ((state.second[p] / correction2).squareRoot() + epsilon)
    }
  }
}
