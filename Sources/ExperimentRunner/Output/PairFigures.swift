internal import EstimatorStatistics
import Foundation
internal import GradientEstimation

/// How two estimators compare on a block: a row of `comparison.csv`.
package struct PairFigures: Sendable {
  package enum Verdict: String, Sendable { case lower, higher, equal, undecided }

  package let block: String
  /// Indices of the entries.
  package let a, b: Int
  /// V_a / V_b; nil where neither is above rounding, or replicates were not finite.
  package let ratio: Double?
  package let interval: (low: Double, high: Double)?
  /// Ratio of variance × cost.
  package let workRatio: Double?
  package let verdict: Verdict
  /// R′, the replicates that would settle an undecided verdict if the ratio ρ is what was measured:
  ///
  ///     R′ = R (h / |log ρ|)²
  ///
  /// h is the half-width of log ρ's interval at the verdict's level, and at least its arm towards 1; it shrinks as
  /// 1/√R. Infinite at ρ = 1; nil where there is a verdict, or none to be had: no ratio, or two estimators that
  /// coincide on every draw.
  package let replicatesToSettle: Double?
}

extension PairFigures {
  /// R′, from `interval` at the verdict's level after `replicates`.
  static func replicatesToSettle(_ ratio: Double, _ interval: VarianceRatioInterval, replicates: Int) -> Double? {
    guard interval.low < interval.high, interval.low > 0, interval.high.isFinite else { return nil }
    let distance = abs(log(ratio)), half = 0.5 * log(interval.high / interval.low)
    let arm = ratio < 1 ? log(interval.high / ratio) : log(ratio / interval.low)
    let shrinking = max(half, arm) / distance
    return Double(replicates) * shrinking * shrinking
  }
}

extension PairFigures {
  init(
    block: String, _ pair: (Int, Int), _ entries: [EntryFigures], blockIndex: Int, pairCount: Int, replicates: Int,
    ratio measured: (_ level: Double) -> (estimate: Double, interval: VarianceRatioInterval)
  ) {
    self.block = block
    (a, b) = pair
    let first = entries[a].blocks[blockIndex], second = entries[b].blocks[blockIndex]
    let costA = entries[a].entry.cost, costB = entries[b].entry.cost
    func work(_ ratio: Double) -> Double? { costA == 0 && costB == 0 ? nil : ratio * costA / costB }

    guard entries[a].nonfinite == 0, entries[b].nonfinite == 0 else {
      (ratio, interval, workRatio, verdict, replicatesToSettle) = (nil, nil, nil, .undecided, nil)
      return
    }
    var needed: Double?
    switch (first.mark == .rounding, second.mark == .rounding) {
    case (true, true): (ratio, interval, workRatio, verdict) = (nil, nil, nil, .equal)
    case (true, false): (ratio, interval, workRatio, verdict) = (0, (0, 0), work(0), .lower)
    case (false, true):
      (ratio, interval, workRatio, verdict) = (.infinity, (.infinity, .infinity), work(.infinity), .higher)
    case (false, false):
      let (value, usual) = measured(0.95)
      ratio = value
      interval = (usual.low, usual.high)
      workRatio = work(value)
      // Each verdict at a level that all of the cell's together keep at 95 %; at 99.9 % where a tail is heavy.
      let isHeavy = first.mark == .heavyTail || second.mark == .heavyTail
      let (_, strict) = measured(1 - (isHeavy ? 0.001 : 0.05) / Double(pairCount))
      verdict = strict.high < 1 ? .lower : strict.low > 1 ? .higher : .undecided
      if verdict == .undecided {
        needed = Self.replicatesToSettle(value, strict, replicates: replicates)
      }
    }
    replicatesToSettle = needed
  }
}
