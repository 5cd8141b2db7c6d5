public import GradientEstimation

/// f(z) = Σ_d (z_d − t_d)² of bits z: the toy of the literature on discrete gradients, which minimises E f.
///
/// Tucker et al. (2017), section 5.1, has one bit and t = 0.45, Grathwohl et al. (2018) t = 0.499; Liu et al. (2019) and Kool et al.
/// (2020) three bits of one logit, `TiedBernoulli`, and t = 0.6, 0.51, 0.48.
///
/// - Options: `target` t, one number for each bit.
/// - Exact: everything under families of bits, by enumeration. Relaxed to z in [0, 1]^D, f is the same formula.
public struct BernoulliToy: CostFunction, RelaxableModel, FactorizedModel {
  public var targetText = "0.45"
  private var target: [Double] = [0.45]
  public init() {}

  public var dimension: Int { target.count }
  public var support: Support { .binary }
  public var sense: Sense { .minimize }
  public var factorizedTerms: Terms { .cost }

  public func evaluate(_ needed: Quantities, at draws: borrowing Draws, into evaluation: inout Evaluation) {
    let (d, b, z) = (dimension, draws.shape.lanes, draws.z)
    func residual(_ i: Int) -> Double { z[i] - target[i / b % d] }
    if needed.values.contains(.cost) {
      evaluation.withValues(of: .cost) { values in
        values.update(repeating: 0)
        for i in z.indices { values[i / (d * b) * b + i % b] += residual(i) * residual(i) }
      }
    }
    if needed.coordinateValues.contains(.cost) {
      evaluation.withCoordinateValues(of: .cost) { values in
        for i in z.indices { values[i] = residual(i) * residual(i) }
      }
    }
    if needed.gradients.contains(.cost) {
      evaluation.withGradient(of: .cost) { gradient in for i in z.indices { gradient[i] = 2 * residual(i) } }
    }
  }
}

extension BernoulliToy: IntegrandSpecification {
  public static let descriptor = Descriptor<Self>(
    id: "bernoulli-toy", summary: "the cost Σ (z_d − t_d)² of bits, for objective expectation",
    equation: "f(z) = Σ_d (z_d − t_d)²",
    notes: [
      Note("Support", "z of 0 and 1; relaxed to [0, 1] by the same formula."),
      Note("Exact", "under families of bits, by enumeration."),
    ],
    references: [
      Reference("tucker2017", "section 5.1"), Reference("grathwohl2018", "section 5.1"), Reference("liu2019"),
      Reference("kool2020"),
    ],
    options: [.text("target", \.targetText, "t, one number for each bit, such as 0.6x0.51x0.48")],
    examples: [Example(options: ["target": "0.2"]), Example(options: ["target": "0.7x0.4x0.1"])])

  public func makeIntegrand() throws(ComponentError) -> any Integrand {
    let numbers = targetText.split(separator: "x", omittingEmptySubsequences: false).map { Double($0) }
    let known = numbers.compactMap { $0 }.filter(\.isFinite)
    guard known.count == numbers.count, !known.isEmpty else {
      throw ComponentError(option: "target", "'\(targetText)' is no list of numbers such as 0.6x0.51x0.48")
    }
    var model = self
    model.target = known
    return model
  }
}
