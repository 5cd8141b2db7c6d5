internal import EstimatorStatistics
internal import GradientEstimation

/// `diagnostics.csv`: one row for each entry and block, beside those of `variance.csv`. What is not known stays empty.
package enum DiagnosticsFile {
  package static let columns =
    Array(CSVFiles.varianceColumns[..<11]) + ["norm", "tail_size", "tail_index", "tail_index_se", "tail_mark"]
    + ["optimal_variance", "headroom", "minibatch_variance", "draw_variance", "minibatch_share", "adapting_variance"]
    .flatMap {
      [$0, $0 + "_ci_low", $0 + "_ci_high"]
    }

  package static func rows(_ results: ExperimentResults) -> [[CSVFiles.Field]] {
    results.cells.flatMap { figures in
      figures.entries.enumerated().flatMap { e, entry in
        entry.blocks.enumerated().map { b, block in
          CSVFiles.cellFields(figures, entry.entry.text, results) + [
            .text(block.block.name), .text(figures.cell.normWeights == nil ? "euclidean" : "fisher"),
          ] + tail(block) + headroom(figures, e, b) + shares(figures, e, b)
            + adapting(figures, e, b)
        }
      }
    }
  }

  private static func headroom(_ figures: CellFigures, _ e: Int, _ b: Int) -> [CSVFiles.Field] {
    guard let headroom = figures.headroom(e, b) else { return Array(repeating: .number(nil), count: 6) }
    let (variance, ratio) = (headroom.variance, headroom.ratio)
    return [
      .number(variance.value), .number(variance.low), .number(variance.high), .number(ratio.value), .number(ratio.low),
      .number(ratio.high),
    ]
  }

  private static func shares(_ figures: CellFigures, _ e: Int, _ b: Int) -> [CSVFiles.Field] {
    guard let parts = figures.shares(e, b) else { return Array(repeating: .number(nil), count: 9) }
    return [parts.minibatch, parts.draws, parts.share].flatMap { figure -> [CSVFiles.Field] in
      [.number(figure.value), .number(figure.low), .number(figure.high)]
    }
  }

  private static func adapting(_ figures: CellFigures, _ e: Int, _ b: Int) -> [CSVFiles.Field] {
    guard let found = figures.adapting(e, b) else { return Array(repeating: .number(nil), count: 3) }
    return [.number(found.value), .number(found.low), .number(found.high)]
  }

  private static func tail(_ block: BlockFigures) -> [CSVFiles.Field] {
    [
      block.tail.map { .integer($0.size) } ?? .text(""), .number(block.tail?.index),
      .number(block.tail?.standardError), .text(block.tail?.doubt.rawValue ?? ""),
    ]
  }
}
