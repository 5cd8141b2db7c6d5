internal import GradientEstimation
internal import Optimization
internal import Randomness

/// What came of an experiment of either kind, as it is written.
package protocol ExperimentOutcome: Sendable {
  /// Whether all was done that was asked for.
  var isComplete: Bool { get }
  /// Whether nothing was.
  var isEmpty: Bool { get }
  /// The CSV files: name, and text.
  var files: [(name: String, text: String)] { get }
  /// What there is to note of how it went, a line each.
  var notes: [String] { get }
  /// What the manifest says of cell `index` beside what was planned; nil for one that was not begun.
  func manifest(ofCell index: Int) -> Manifest.Members?
}

extension ExperimentResults: ExperimentOutcome {
  package var isEmpty: Bool { cells.isEmpty }

  package var files: [(name: String, text: String)] {
    [
      ("variance.csv", CSVFiles.text(CSVFiles.varianceColumns, CSVFiles.varianceRows(self))),
      ("coordinates.csv", CSVFiles.text(CSVFiles.coordinateColumns, CSVFiles.coordinateRows(self))),
      ("comparison.csv", CSVFiles.text(CSVFiles.comparisonColumns, CSVFiles.comparisonRows(self))),
      ("diagnostics.csv", CSVFiles.text(DiagnosticsFile.columns, DiagnosticsFile.rows(self))), ("timing.csv", timing),
    ]
      + (cells.allSatisfy(\.requested.covariances.isEmpty)
        ? []
        : [
          ("correlations.csv", CSVFiles.text(CorrelationFiles.correlationColumns, CorrelationFiles.correlations(self))),
          ("eigenvalues.csv", CSVFiles.text(CorrelationFiles.eigenvalueColumns, CorrelationFiles.eigenvalues(self))),
        ])
  }

  package func manifest(ofCell index: Int) -> Manifest.Members? {
    guard cells.indices.contains(index) else { return nil }
    // The estimators whose state was learned on other draws and then frozen, and how.
    let frozen = cells[index].entries.compactMap { entry in
      entry.warmUp.map { warmUp in
        JSONOutput.string("\(entry.entry.text): \(warmUp.batches) batches of \(warmUp.lanes) estimates")
      }
    }
    return [
      (key: "frozen", value: .array(frozen)), (key: "replicates", value: .integer(cells[index].replicates)),
      (key: "precision", value: cells[index].precision(rule)), (key: "wall_seconds", value: .number(seconds[index])),
    ]
  }

  private var timing: String {
    let columns = [
      "model", "family", "objective", "sampling", "point", "samples", "replicates", "seed", "generator", "threads",
      "wall_seconds", "replicates_per_second",
    ]
    let rows = zip(cells, seconds).map { figures, seconds -> [CSVFiles.Field] in
      let cell = figures.cell
      return [
        .text(cell.model), .text(cell.family), .text(cell.objective), .text(cell.sampling), .text(cell.point),
        .integer(cell.samples), .integer(figures.replicates), .unsigned(seed), .text(cell.generator.name),
        .integer(threads), .number(seconds), .number(Double(figures.replicates) / seconds),
      ]
    }
    return CSVFiles.text(columns, rows)
  }
}

extension TrainingResults: ExperimentOutcome {
  package var isEmpty: Bool { curves.isEmpty }

  /// Runs of which a step was to be saved that they did not reach.
  package var notes: [String] {
    guard let last = spec.training.savedSteps.last else { return [] }
    let short = curves.count { ($0.curve.points.last?.step ?? 0) < last }
    return short == 0
      ? []
      : [
        "\(short) of \(curves.count) runs ended before step \(last): parameters.csv lacks the steps that they did not reach"
      ]
  }

  package var files: [(name: String, text: String)] {
    let files = [
      ("elbo.csv", CSVFiles.text(CurveFiles.elboColumns, CurveFiles.elboRows(self))),
      ("band.csv", CSVFiles.text(CurveFiles.bandColumns, CurveFiles.bandRows(self))),
      ("ranking.csv", CSVFiles.text(CurveFiles.rankingColumns, CurveFiles.rankingRows(self))), ("timing.csv", timing),
    ]
    let states = CurveFiles.marginalRows(self)
    let marginals = ("marginals.csv", CSVFiles.text(CurveFiles.marginalColumns, states))
    let saved = ("parameters.csv", CSVFiles.text(CurveFiles.parameterColumns, CurveFiles.parameterRows(self)))
    return files + (states.isEmpty ? [] : [marginals]) + (spec.training.savedSteps.isEmpty ? [] : [saved])
  }

  package func manifest(ofCell index: Int) -> Manifest.Members? {
    let own = curves.filter { $0.cell == index }
    guard !own.isEmpty else { return nil }
    return [RunStatus.finished, .converged, .diverged, .interrupted].map { status in
      (key: status.rawValue, value: .integer(own.count { $0.curve.status == status }))
    } + [(key: "run_seconds", value: .number(own.reduce(0) { $0 + $1.seconds }))]
  }

  private var timing: String {
    let columns = [
      "model", "family", "objective", "sampling", "estimator", "optimizer", "samples", "run", "threads", "steps",
      "wall_seconds", "microseconds_per_step",
    ]
    let rows = curves.map { measured -> [CSVFiles.Field] in
      let cell = plan.cells[measured.cell], steps = measured.curve.points.last?.step ?? 0
      return [
        .text(cell.model), .text(cell.family), .text(cell.objective), .text(cell.sampling),
        .text(cell.entries[measured.entry].text), .text(spec.training.optimizers[measured.optimizer].text),
        .integer(cell.samples), .integer(measured.run), .integer(threads), .integer(steps),
        .number(measured.seconds), .number(1e6 * measured.seconds / Double(max(1, steps))),
      ]
    }
    return CSVFiles.text(columns, rows)
  }
}
