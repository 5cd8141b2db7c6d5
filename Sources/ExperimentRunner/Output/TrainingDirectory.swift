import Foundation
internal import GradientEstimation
internal import Optimization
internal import Randomness

/// Writes what an `elbo` experiment leaves: `manifest.json` first, then the CSV files.
package struct TrainingDirectory {
  private let staged: StagedDirectory
  private let started = Date()
  private let plan: Plan
  private let spec: ExperimentSpec
  private let source: String
  private let specText: [UInt8]
  private let threads: Int

  /// - Throws: `StagingError` if the output cannot be written there.
  package init(
    path: String, plan: Plan, spec: ExperimentSpec, source: String, specText: [UInt8], threads: Int
  ) throws(StagingError) {
    staged = try StagedDirectory(replacing: path, owned: ResultDirectory.fileNames)
    (self.plan, self.spec, self.source) = (plan, spec, source)
    (self.specText, self.threads) = (specText, threads)
    do {
      try staged.write(manifest(nil), to: "manifest.json")
    } catch {
      staged.discard()
      throw error
    }
  }

  /// Writes the results and puts the directory in place.
  package func commit(_ results: TrainingResults) throws(StagingError) {
    try staged.write(CSVFiles.text(CurveFiles.elboColumns, CurveFiles.elboRows(results)), to: "elbo.csv")
    try staged.write(CSVFiles.text(CurveFiles.bandColumns, CurveFiles.bandRows(results)), to: "band.csv")
    try staged.write(CSVFiles.text(CurveFiles.rankingColumns, CurveFiles.rankingRows(results)), to: "ranking.csv")
    if !spec.training.savedSteps.isEmpty {
      try staged.write(
        CSVFiles.text(CurveFiles.parameterColumns, CurveFiles.parameterRows(results)), to: "parameters.csv")
    }
    try staged.write(timing(results), to: "timing.csv")
    try staged.write(manifest(results), to: "manifest.json")
    try staged.commit()
  }

  package func discard() { staged.discard() }
  /// Where the files are until they are in place, and stay if that fails.
  package var stagedPath: String { staged.stagedPath }
  /// Where they belong.
  package var finalPath: String { staged.finalPath }

  private func timing(_ results: TrainingResults) -> String {
    let columns = [
      "model", "family", "objective", "sampling", "estimator", "optimizer", "samples", "run", "threads", "steps",
      "wall_seconds", "microseconds_per_step",
    ]
    let rows = results.curves.map { measured -> [CSVFiles.Field] in
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

  private func manifest(_ results: TrainingResults?) -> String {
    let state = results.map { $0.isComplete ? "done" : "interrupted" } ?? "pending"
    let cells = plan.cells.enumerated().map { index, cell -> JSONOutput in
      let own = results?.curves.filter { $0.cell == index }
      func count(_ status: RunStatus) -> JSONOutput {
        own.map { curves in .integer(curves.count { $0.curve.status == status }) } ?? .null
      }
      return .object([
        (key: "cell", value: .string(cell.text)),
        (key: "estimators", value: .array(cell.entries.map { .string($0.text) })),
        (key: "biased", value: .array(cell.entries.compactMap { $0.biasNote.map(JSONOutput.string) })),
        (key: "parameters", value: .array(cell.parameters.map(JSONOutput.number))),
        (key: "finished", value: count(.finished)), (key: "converged", value: count(.converged)),
        (key: "diverged", value: count(.diverged)), (key: "interrupted", value: count(.interrupted)),
        (key: "wall_seconds", value: own.map { .number($0.reduce(0) { $0 + $1.seconds }) } ?? .null),
      ])
    }
    let document: JSONOutput = .object(
      Manifest.head(spec, source: source, text: specText)
        + [
          (key: "optimizers", value: .array(spec.training.optimizers.map { .string($0.text) }))
        ] + spec.training.members + Manifest.state(state, threads: threads, since: started, isOver: results != nil)
        + [
          (key: "notes", value: .array(plan.notes.map(JSONOutput.string))), (key: "cells", value: .array(cells)),
        ])
    return document.serialized() + "\n"
  }
}
