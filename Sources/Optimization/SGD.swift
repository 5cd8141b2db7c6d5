public import GradientEstimation

/// Stochastic gradient ascent,
///
///     v ← μ v + g,   λ ← λ + α_t v
///
/// with momentum μ (Polyak 1964); μ = 0 is the method of Robbins and Monro (1951).
public struct SGD: Optimizer {
  public var stepSize = StepSize(0.01)
  public var momentum = 0.0
  public var averageFrom: Int?

  public init() {}

  public static let descriptor = Descriptor<Self>(
    id: "sgd", summary: "stochastic gradient ascent, with momentum if wished", equation: "v ← μ v + g,  λ ← λ + α_t v",
    references: [Reference("robbins1951"), Reference("polyak1964")],
    options: options(
      [
        .real("momentum", \.momentum, in: RealBounds(lower: 0, upper: 0.9999), "μ")
      ], averageFrom: \.averageFrom))

  /// v, `[P]`
  public func initialState(parameterCount: Int) -> [Double] { Array(repeating: 0, count: parameterCount) }

  public func update(_ parameters: inout [Double], gradient: [Double], rate: Double, state: inout [Double]) {
    for p in parameters.indices {
      state[p] = momentum * state[p] + gradient[p]
      parameters[p] += rate * state[p]
    }
  }
}
