import Foundation
public import GradientEstimation

/// A first-order method of stochastic ascent: from λ_t and an estimate g_t of the gradient to λ_{t+1}.
///
/// The laws:
/// - a value is its configuration, and adaptive state is apart, owned by the run;
/// - coordinates do not mix, and the update is a function of λ, g, the rate and the state alone: same numbers, same bits;
/// - ascent, with the sign of the gradient that is passed.
public protocol Optimizer: Component {
  /// What it remembers: a velocity, second moments.
  associatedtype State: Codable & Sendable
  /// α_t
  var stepSize: StepSize { get set }
  /// From which step on the mean of the iterates stands for the iterate; nil for never.
  var averageFrom: Int? { get }
  func initialState(parameterCount: Int) -> State
  /// λ += the step, for λ and g of `[P]`.
  func update(_ parameters: inout [Double], gradient: [Double], rate: Double, state: inout State)
}

extension Optimizer {
  /// The options that every method has, around its own.
  static func options(
    _ own: [Option<Self>] = [], averageFrom: any WritableKeyPath<Self, Int?> & Sendable
  ) -> [Option<Self>] {
    [
      .real("learning_rate", \.stepSize.learningRate, in: .positive, "α, the step size at the start"),
      .choice("schedule", \.stepSize.schedule, "how the step size falls: \(StepSize.Schedule.explanation)"),
      .real(
        "decay", \.stepSize.decay, in: RealBounds(lower: 0, excludesLower: true, upper: 1),
        "of schedule=step: the factor of each period"),
      .integer(
        "period", \.stepSize.period, in: 1...1_000_000_000,
        "τ in steps, of schedule=step and inverse-time; none: a tenth of the run"),
    ] + own + [
      .integer(
        "average_from", averageFrom, in: 0...1_000_000_000,
        "from this step on the mean of the iterates since is what is evaluated and saved (Polyak-Ruppert); none: never")
    ]
  }

  public func check() throws(ComponentError) { try stepSize.check() }
}

/// The step size α_t of step t = 0, 1, …, T − 1.
public struct StepSize: Hashable, Sendable {
  /// How α_t falls.
  public enum Schedule: String, CaseIterable, Sendable {
    /// α
    case constant
    /// α · decay^⌊t/τ⌋
    case step
    /// α / (1 + t/τ): its sum diverges and its sum of squares does not (Robbins and Monro 1951).
    case inverseTime = "inverse-time"
    /// α · (1 + cos(π t/T))/2, cosine annealing (Loshchilov and Hutter 2017, equation (5), without restarts).
    case cosine
    /// α · cos(π t/(2T)).
    case quarterCosine = "quarter-cosine"

    static let explanation = """
      constant; step, times decay every period; inverse-time, α/(1 + t/period); cosine, α (1 + cos(πt/T))/2; \
      quarter-cosine, α cos(πt/2T), for a run of T steps
      """
  }

  public var learningRate: Double
  public var schedule = Schedule.constant
  public var decay = 0.1
  /// τ in steps; nil for a tenth of the run.
  public var period: Int?

  public init(_ learningRate: Double, schedule: Schedule = .constant, decay: Double = 0.1, period: Int? = nil) {
    self.learningRate = learningRate
    self.schedule = schedule
    self.decay = decay
    self.period = period
  }

  /// α_t, t = `step` in 0..<`total`.
  public func rate(at step: Int, of total: Int) -> Double {
    let period = self.period ?? max(1, total / 10)
    switch schedule {
    case .constant: return learningRate
    case .step: return learningRate * power(decay, step / period)
    case .inverseTime: return learningRate / (1 + Double(step) / Double(period))
    case .cosine: return learningRate * (0.5 + 0.5 * cos(Double.pi * Double(step) / Double(total)))
    case .quarterCosine: return learningRate * cos(0.5 * Double.pi * Double(step) / Double(total))
    }
  }

  /// xⁿ by squaring, the same bits everywhere.
  private func power(_ x: Double, _ n: Int) -> Double {
    var (result, square, rest) = (1.0, x, n)
    while rest > 0 {
      if rest % 2 == 1 { result *= square }
      square *= square
      rest /= 2
    }
    return result
  }

  func check() throws(ComponentError) {
    if schedule != .step, decay != 0.1 {
      throw ComponentError(option: "decay", "has no effect with schedule=\(schedule.rawValue); it belongs to 'step'")
    }
    if schedule != .step, schedule != .inverseTime, period != nil {
      throw ComponentError(
        option: "period",
        "has no effect with schedule=\(schedule.rawValue); it belongs to 'step' and 'inverse-time'")
    }
  }
}
