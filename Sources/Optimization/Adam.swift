internal import CKernels
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
    precondition(
      gradient.count == parameters.count && state.first.count == parameters.count
        && state.second.count == parameters.count, "Adam: parameters, gradient and state must have one size")
    wb_adam_update(
      &parameters, gradient, &state.first, &state.second, rate, beta1, beta2, 1 - state.power1, 1 - state.power2,
      epsilon, parameters.count)
  }
}
