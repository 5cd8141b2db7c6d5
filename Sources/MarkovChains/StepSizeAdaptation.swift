internal import CKernels

/// The step size ε that a stated share of proposals is accepted with, found by dual averaging: after t updates, with a_i the
/// acceptance of the i-th and δ the stated one,
///
///     log ε_{t+1} = log 10 ε_1 − (√t/γ) 1/(t + t_0) Σ_{i≤t} (δ − a_i),   log ε̄_{t+1} = η_t log ε_{t+1} + (1 − η_t) log ε̄_t
///
/// with η_t = t^{−κ}, γ = 0.05, t_0 = 10, κ = 0.75, and from t = 1 on the limits 10^{±10} on both. While it adapts, ε is
/// ε_{t+1}, whose gain, √t/γ(t + t_0), falls so slowly that it follows a target that moves, such as the posterior of a model
/// that learns; frozen, it is ε̄.
///
/// A chain whose ε is still adapted does not leave its target as it is: freeze it where draws are to be exact.
/// Source: Hoffman and Gelman (2014), section 3.2, equation (6) and algorithm 5.
public struct StepSizeAdaptation: Codable, Hashable, Sendable {
  /// δ, from 0 to 1.
  public let acceptance: Double
  /// ε of the next transition.
  public private(set) var stepSize: Double
  /// t
  public private(set) var count = 0
  /// Whether ε stays.
  public private(set) var isFrozen = false
  /// log ε_1
  private let start: Double
  /// Σ (δ − a_i)
  private var shortfall = 0.0
  /// log ε̄
  private var mean: Double

  /// - Parameters:
  ///   - initial: ε_1, above 0.
  ///   - acceptance: δ, within (0, 1).
  public init(initial: Double, acceptance: Double) {
    precondition(initial > 0 && initial.isFinite, "StepSizeAdaptation: the step size must be positive")
    precondition(acceptance > 0 && acceptance < 1, "StepSizeAdaptation: the acceptance must be within (0, 1)")
    self.acceptance = acceptance
    stepSize = initial
    start = wb_log(initial)
    mean = start
  }

  /// Takes the acceptance of one more transition, the mean over its chains; nothing happens where ε is frozen.
  public mutating func update(acceptance observed: Double) {
    guard !isFrozen else { return }
    count += 1
    let t = Double(count)
    shortfall += acceptance - (observed.isFinite ? min(max(observed, 0), 1) : 0)
    let limit = 10 * Self.logTen, gain = t.squareRoot() / (0.05 * (t + 10))
    let next = min(max(start + Self.logTen - gain * shortfall, -limit), limit)
    let share = 1 / (t * t * t).squareRoot().squareRoot()
    mean += share * (next - mean)
    stepSize = wb_exp(next)
  }

  /// ε is ε̄ from here on.
  public mutating func freeze() {
    guard !isFrozen else { return }
    isFrozen = true
    stepSize = wb_exp(mean)
  }

  private static let logTen = 2.302585092994046
}
