/// Ends an optimisation when the objective changes no more than a given part of itself, its uncertainty included.
///
/// With the means of the last W evaluations and of the W before, their difference Δ, and its standard error s from the
/// Monte Carlo standard errors of the 2W evaluations, the run ends where
///
///     |Δ| + 1.96 s ≤ tolerance · |mean of the last W|
///
/// So too few draws an evaluation cannot end a run: they make s large. (Kucukelbir, Tran, Ranganath, Gelman and Blei
/// 2017, section 2.6, stop on the relative change alone.)
public struct ConvergenceRule: Hashable, Sendable {
  /// The largest relative change that is none.
  public let relativeChange: Double
  /// W, evaluations.
  public let window: Int

  public init(relativeChange: Double, window: Int = 5) {
    precondition(relativeChange > 0 && window > 0, "ConvergenceRule: relativeChange and window must be positive")
    self.relativeChange = relativeChange
    self.window = window
  }

  /// Whether the last of `estimates`, value and standard error each, ends the run.
  public func isMet(by estimates: [(value: Double, mcse: Double)]) -> Bool {
    guard estimates.count >= 2 * window else { return false }
    let size = Double(window), recent = estimates.suffix(2 * window)
    let before = recent.prefix(window).reduce(0) { $0 + $1.value } / size
    let last = recent.suffix(window).reduce(0) { $0 + $1.value } / size
    let error = recent.reduce(0) { $0 + $1.mcse * $1.mcse }.squareRoot() / size
    return abs(last - before) + 1.959963984540054 * error <= relativeChange * abs(last)
  }
}
