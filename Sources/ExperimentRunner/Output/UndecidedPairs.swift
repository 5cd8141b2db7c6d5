internal import EstimatorStatistics
internal import GradientEstimation

/// What it would take to settle the undecided pairs of a cell, in a line each.
struct UndecidedPairs {
  private let cell: CellFigures
  static let lineLimit = 6
  /// Replicates that nobody takes.
  static let affordable = 1e12

  init(_ cell: CellFigures) { self.cell = cell }

  /// The cheapest to settle first; the rest are counted.
  var lines: [String] {
    let pairs = cell.pairs
      .filter { $0.block == "all" && cell.entries[$0.a].competes && cell.entries[$0.b].competes }
      .compactMap { pair in pair.replicatesToSettle.map { (pair: pair, needed: $0) } }
      .enumerated().sorted { ($0.element.needed, $0.offset) < ($1.element.needed, $1.offset) }.map(\.element)
    let hidden = pairs.count - Self.lineLimit
    return pairs.prefix(Self.lineLimit).compactMap { line($0.pair, needed: $0.needed) }
      + (hidden > 0 ? ["and \(hidden) more \(hidden == 1 ? "pair" : "pairs")"] : [])
  }

  private func line(_ pair: PairFigures, needed: Double) -> String? {
    guard let ratio = pair.ratio, let interval = pair.interval else { return nil }
    let shown = figure(ratio, low: interval.low, high: interval.high)
    let (a, b) = (cell.entries[pair.a].entry.text, cell.entries[pair.b].entry.text)
    return "\(a) / \(b): ratio \(shown.value) \(shown.interval), undecided; " + Self.outlook(needed, cell.replicates)
  }

  /// What replicates in number `needed` mean to one who has taken `replicates`.
  static func outlook(_ needed: Double, _ replicates: Int) -> String {
    guard needed <= affordable else { return "no affordable number of replicates would tell them apart." }
    let more = max(1, needed - Double(replicates))
    return "about \(roundCount(more)) more replicates would settle it, if the ratio is what was measured."
  }
}

/// A large number to two digits, in words from a million on: `340000`, `1.2 million`.
func roundCount(_ x: Double) -> String {
  for (unit, word) in [(1e12, "trillion"), (1e9, "billion"), (1e6, "million")] where x >= 0.995 * unit {
    return "\(x < 99.5 * unit ? significant(x / unit, digits: 2) : roundCount(x / unit)) \(word)"
  }
  var place = 1.0
  while x >= 99.5 * place { place *= 10 }
  return numberText((x / place).rounded() * place)
}
