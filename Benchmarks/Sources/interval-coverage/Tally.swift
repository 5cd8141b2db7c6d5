import EstimatorStatistics
import Foundation

/// Whether intervals held the truth, over repetitions.
struct Tally: Sendable {
  private(set) var repetitions = 0
  private(set) var marked = 0
  private(set) var held = 0
  private(set) var heldUnmarked = 0
  private(set) var plainHeld = 0
  /// Verdicts that name the wrong side.
  private(set) var wrongVerdicts = 0
  private var widths: [Double] = []
  private var plainWidths: [Double] = []

  mutating func add(
    low: Double, high: Double, plain: (low: Double, high: Double)?, truth: Double, isMarked: Bool, wrong: Bool = false
  ) {
    // Exact ratios come out to rounding.
    func holds(_ low: Double, _ high: Double) -> Bool { low <= truth * (1 + 1e-12) && truth * (1 - 1e-12) <= high }
    repetitions += 1
    if isMarked { marked += 1 }
    if holds(low, high) {
      held += 1
      if !isMarked { heldUnmarked += 1 }
    }
    if let plain {
      if holds(plain.low, plain.high) { plainHeld += 1 }
      plainWidths.append((plain.high - plain.low) / truth)
    }
    if wrong { wrongVerdicts += 1 }
    widths.append((high - low) / truth)
  }

  var markedFraction: Double { Double(marked) / Double(repetitions) }
  var coverage: Double { Double(held) / Double(repetitions) }
  /// Nothing where fewer than 2 % of the repetitions, or than 100, are unmarked.
  var coverageUnmarked: Double? {
    let unmarked = repetitions - marked
    return unmarked >= max(100, repetitions / 50) ? Double(heldUnmarked) / Double(unmarked) : nil
  }
  var plainCoverage: Double { Double(plainHeld) / Double(repetitions) }
  var medianWidth: Double { Tally.median(widths) }
  var plainMedianWidth: Double { Tally.median(plainWidths) }

  private static func median(_ values: [Double]) -> Double {
    let sorted = values.sorted()
    return sorted.isEmpty ? .nan : 0.5 * (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2])
  }
}

extension GradientMoments {
  /// V̂ (1 ± 1.96 cv(Y) / √R): what one would write down first.
  func plainInterval(ofBlock b: Int) -> (low: Double, high: Double) {
    let n = Double(count), e1 = blockSums[b].p1 / n, e2 = blockSums[b].p2 / n
    let radius = 1.959963984540054 * (max(0, e2 - e1 * e1) / n).squareRoot() / (1 + e1)
    return (variance(ofBlock: b) * (1 - radius), variance(ofBlock: b) * (1 + radius))
  }
}

/// A row of a table, as text.
enum Row {
  static func number(_ x: Double?, digits: Int = 4) -> String {
    guard let x else { return "" }
    return x.isFinite ? String(format: "%.\(digits)g", x) : x.isNaN ? "nan" : x > 0 ? "inf" : "-inf"
  }
}
