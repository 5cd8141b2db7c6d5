internal import EstimatorStatistics
internal import GradientEstimation

/// `diagnostics.csv`: one row for each entry and block, beside those of `variance.csv`. What is not known stays empty.
package enum DiagnosticsFile {
  package static let columns =
    Array(CSVFiles.varianceColumns[..<11]) + ["norm", "tail_size", "tail_index", "tail_index_se", "tail_mark"]

  package static func rows(_ results: ExperimentResults) -> [[CSVFiles.Field]] {
    results.cells.flatMap { figures in
      figures.entries.flatMap { entry in
        entry.blocks.map { block in
          CSVFiles.cellFields(figures, entry.entry.text, results) + [
            .text(block.block.name), .text(figures.cell.normWeights == nil ? "euclidean" : "fisher"),
          ] + tail(block)
        }
      }
    }
  }

  private static func tail(_ block: BlockFigures) -> [CSVFiles.Field] {
    [
      block.tail.map { .integer($0.size) } ?? .text(""), .number(block.tail?.index),
      .number(block.tail?.standardError), .text(block.tail?.doubt.rawValue ?? ""),
    ]
  }
}
