public import GradientEstimation

/// AdaGrad, diagonal form,
///
///     s ← s + g²,   λ ← λ + α_t g / (√s + ε)
///
/// Duchi, Hazan and Singer (2011), figure 1, with δ = ε.
public struct AdaGrad: Optimizer {
  public var stepSize = StepSize(0.1)
  public var epsilon = 1e-8
  public var averageFrom: Int?

  public init() {}

  public static let descriptor = Descriptor<Self>(
    id: "adagrad", summary: "steps divided by the root of the sum of squared gradients",
    equation: "s ← s + g²,  λ ← λ + α_t g/(√s + ε)", references: [Reference("duchi2011")],
    options: options(
      [.real("epsilon", \.epsilon, in: .positive, "ε, added to the root")], averageFrom: \.averageFrom))

  /// s, `[P]`
  public func initialState(parameterCount: Int) -> [Double] { Array(repeating: 0, count: parameterCount) }

  public func update(_ parameters: inout [Double], gradient: [Double], rate: Double, state: inout [Double]) {
    for p in parameters.indices {
      state[p] += gradient[p] * gradient[p]
      parameters[p] += rate * gradient[p] / (state[p].squareRoot() + epsilon)
    }
  }
}
