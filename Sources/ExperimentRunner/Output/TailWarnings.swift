internal import EstimatorStatistics
internal import GradientEstimation

/// A line for each estimator of a cell whose tail puts its variance in doubt, or the interval on it.
struct TailWarnings {
  private let cell: CellFigures
  static let lineLimit = 6

  init(_ cell: CellFigures) { self.cell = cell }

  /// The heaviest first; the rest are counted.
  var lines: [String] {
    let worst = cell.entries.enumerated().compactMap { e, entry -> (e: Int, block: String, tail: ParetoTail)? in
      let tails = entry.blocks.compactMap { block in block.tail.map { (e: e, block: block.block.name, tail: $0) } }
      return tails.filter { $0.tail.doubt != .nothing }.max { $0.tail.index < $1.tail.index }
    }.sorted { ($1.tail.index, $0.e) < ($0.tail.index, $1.e) }
    let hidden = worst.count - Self.lineLimit
    return worst.prefix(Self.lineLimit).map { line($0.tail, cell.entries[$0.e].entry.text, $0.block) }
      + (hidden > 0 ? ["and \(hidden) more \(hidden == 1 ? "estimator has" : "estimators have") such a tail"] : [])
  }

  private func line(_ tail: ParetoTail, _ estimator: String, _ block: String) -> String {
    let doubt =
      tail.doubt == .variance
      ? "its variance may not exist, and then no figure here means anything"
      : "its fourth moment may not exist, and then the interval on its variance means nothing"
    let index = significant(tail.index, digits: 2), error = significant(tail.standardError, digits: 1)
    return
      "\(estimator): by these replicates the gradient's tail has index k = \(index) (standard error \(error)), \(block): \(doubt)."
  }
}
