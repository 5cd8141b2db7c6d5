internal import EstimatorStatistics
internal import GradientEstimation

extension CellFigures {
  typealias Interval = (value: Double, low: Double, high: Double)

  /// What is left of the variance of entry e, block b, without the best multiple of the score; nil where not measured.
  func headroom(_ e: Int, _ b: Int) -> (variance: Interval, ratio: Interval)? {
    guard requested.headroom.indices.contains(e), entries[e].blocks[b].mark != .rounding, entries[e].nonfinite == 0
    else { return nil }
    let moments = requested.headroom[e], rest = moments.entries[0].interval(ofBlock: b)
    let (ratio, interval) = moments.ratio(pair: 0, block: b, level: 0.95)
    return (
      (moments.entries[0].variance(ofBlock: b), rest.low, rest.high), (ratio, interval.low, interval.high)
    )
  }

  /// The variance while the state goes on learning; nil where not measured, or where there is none.
  func adapting(_ e: Int, _ b: Int) -> Interval? {
    guard requested.adapting.indices.contains(e), let moments = requested.adapting[e] else { return nil }
    let interval = moments.interval(ofBlock: b)
    return (moments.variance(ofBlock: b), interval.low, interval.high)
  }

  /// What of the variance is of minibatches and of draws; nil where not measured.
  func shares(_ e: Int, _ b: Int) -> VarianceShares.Parts? {
    guard requested.shares.indices.contains(e), entries[e].blocks[b].mark != .rounding else { return nil }
    return requested.shares[e].parts(ofBlock: b)
  }
}

/// A line for each estimator of a cell whose headroom or shares were asked for, over all parameters.
struct DiagnosticLines {
  private let cell: CellFigures

  init(_ cell: CellFigures) { self.cell = cell }

  var lines: [String] {
    cell.entries.indices.compactMap { e in
      let last = cell.entries[e].blocks.count - 1, name = cell.entries[e].entry.text
      var parts: [String] = []
      if let (_, ratio) = cell.headroom(e, last) {
        let shown = figure(ratio.value, low: ratio.low, high: ratio.high)
        parts.append("without the best multiple of the score \(shown.value) \(shown.interval) of its variance is left")
      }
      if let share = cell.shares(e, last)?.share {
        let shown = figure(share.value, low: share.low, high: share.high)
        parts.append("\(shown.value) \(shown.interval) of its variance comes from minibatches")
      }
      if let adapting = cell.adapting(e, last) {
        let shown = figure(adapting.value, low: adapting.low, high: adapting.high)
        parts.append("while its state goes on learning its variance is \(shown.value) \(shown.interval)")
      }
      return parts.isEmpty ? nil : "\(name): \(parts.joined(separator: "; "))."
    }
  }
}
