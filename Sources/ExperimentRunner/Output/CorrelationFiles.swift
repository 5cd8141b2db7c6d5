internal import EstimatorStatistics
internal import GradientEstimation

/// `correlations.csv` and `eigenvalues.csv`, which a spec asks for with `"correlations": true`.
package enum CorrelationFiles {
  private static let keys = Array(CSVFiles.varianceColumns[..<10])
  package static let correlationColumns =
    keys + ["block_a", "index_a", "block_b", "index_b", "covariance", "correlation"]
  package static let eigenvalueColumns = keys + ["rank", "eigenvalue", "share", "cumulative_share"]

  /// A row for each pair of different coordinates, the first before the second.
  static func correlations(_ results: ExperimentResults) -> [[CSVFiles.Field]] {
    forEachEntry(results) { figures, e, covariance, head in
      let coordinates = figures.entries[e].coordinates
      return coordinates.indices.flatMap { i in
        coordinates.indices.dropFirst(i + 1).map { j -> [CSVFiles.Field] in
          head + [
            .text(coordinates[i].block), .integer(coordinates[i].index), .text(coordinates[j].block),
            .integer(coordinates[j].index), .number(covariance.covariance(i, j)), .number(covariance.correlation(i, j)),
          ]
        }
      }
    }
  }

  /// The leading eigenvalues of the covariance matrix, in the norm of the variances, and their part of the trace.
  static func eigenvalues(_ results: ExperimentResults) -> [[CSVFiles.Field]] {
    forEachEntry(results) { figures, _, covariance, head in
      guard let values = covariance.eigenvalues(weights: figures.cell.normWeights) else { return [] }
      let trace = values.reduce(0, +)
      var sum = 0.0
      return values.prefix(DiagnosticRequest.eigenvalueCount).enumerated().map { rank, value -> [CSVFiles.Field] in
        sum += value
        return head + [
          .integer(rank + 1), .number(value), .number(trace > 0 ? value / trace : nil),
          .number(trace > 0 ? sum / trace : nil),
        ]
      }
    }
  }

  /// Of entries whose variance is zero to rounding there is no correlation to speak of.
  private static func forEachEntry(
    _ results: ExperimentResults,
    _ rows: (CellFigures, Int, GradientCovariance, [CSVFiles.Field]) -> [[CSVFiles.Field]]
  ) -> [[CSVFiles.Field]] {
    results.cells.flatMap { figures in
      zip(figures.entries.indices, figures.requested.covariances).flatMap { e, covariance -> [[CSVFiles.Field]] in
        guard figures.entries[e].all?.mark != .rounding else { return [] }
        return rows(figures, e, covariance, CSVFiles.cellFields(figures, figures.entries[e].entry.text, results))
      }
    }
  }
}
