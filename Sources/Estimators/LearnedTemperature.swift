internal import CKernels

/// A temperature that descends on the variance of an estimator, in log τ by steps of a size that the slope's own size sets (as
/// Adam's), within bounds.
struct LearnedTemperature: Codable, Hashable, Sendable {
  private(set) var logarithm: Double
  private var slope = 0.0, square = 0.0, count = 0.0

  var value: Double { wb_exp(logarithm) }
  /// By which log τ is moved to see what the variance does.
  static let probe = 0.1
  private static let (lowest, highest) = (-3.0, 3.0)
  /// The step of a batch of 64 estimates; of fewer, in proportion.
  private static let rate = 0.05

  init(_ temperature: Double) { logarithm = wb_log(temperature) }
  /// τ e^{shift}
  func moved(by shift: Double) -> Double { wb_exp(logarithm + shift) }

  /// Takes a step, given E ĝ² at τ e^{−probe} and τ e^{probe} on the same draws of so many `lanes`.
  mutating func step(below: Double, above: Double, lanes: Int) {
    let found = above - below, size = above + below
    guard found.isFinite, size > 0 else { return }
    let relative = found / size
    count += 1
    slope += 0.1 * (relative - slope)
    square += 0.01 * (relative * relative - square)
    let (mean, meanSquare) = (slope / (1 - power(0.9)), square / (1 - power(0.99)))
    guard meanSquare > 0 else { return }
    let rate = Self.rate * min(1, Double(lanes) / 64)
    logarithm = min(max(logarithm - rate * mean / meanSquare.squareRoot(), Self.lowest), Self.highest)
  }

  private func power(_ base: Double) -> Double { wb_exp(count * wb_log(base)) }
}
