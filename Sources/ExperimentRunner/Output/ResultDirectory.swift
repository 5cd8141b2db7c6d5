import Foundation
internal import GradientEstimation
internal import Randomness

/// Writes what a run leaves: `manifest.json` first, then the CSV files; in place only when all is complete.
package struct ResultDirectory {
  package static let fileNames: Set<String> = [
    "manifest.json", "variance.csv", "coordinates.csv", "comparison.csv", "timing.csv", "elbo.csv", "band.csv",
    "ranking.csv", "parameters.csv",
  ]
  private let staged: StagedDirectory
  private let started = Date()
  private let plan: Plan
  private let spec: ExperimentSpec
  private let source: String
  private let specText: [UInt8]
  private let threads: Int

  /// Makes the directory's hidden forerunner, with a manifest whose cells are pending.
  ///
  /// - Throws: `StagingError` if the output cannot be written there.
  package init(
    path: String, plan: Plan, spec: ExperimentSpec, source: String, specText: [UInt8], threads: Int
  ) throws(StagingError) {
    staged = try StagedDirectory(replacing: path, owned: Self.fileNames)
    self.plan = plan
    self.spec = spec
    self.source = source
    self.specText = specText
    self.threads = threads
    do {
      try staged.write(manifest(nil), to: "manifest.json")
    } catch {
      staged.discard()
      throw error
    }
  }

  /// Writes the results and puts the directory in place.
  package func commit(_ results: ExperimentResults) throws(StagingError) {
    try staged.write(CSVFiles.text(CSVFiles.varianceColumns, CSVFiles.varianceRows(results)), to: "variance.csv")
    try staged.write(
      CSVFiles.text(CSVFiles.coordinateColumns, CSVFiles.coordinateRows(results)), to: "coordinates.csv")
    try staged.write(
      CSVFiles.text(CSVFiles.comparisonColumns, CSVFiles.comparisonRows(results)), to: "comparison.csv")
    try staged.write(timing(results), to: "timing.csv")
    try staged.write(manifest(results), to: "manifest.json")
    try staged.commit()
  }

  package func discard() { staged.discard() }

  /// Where the files are until they are in place, and stay if that fails.
  package var stagedPath: String { staged.stagedPath }
  /// Where they belong.
  package var finalPath: String { staged.finalPath }

  private func timing(_ results: ExperimentResults) -> String {
    let columns = [
      "model", "family", "objective", "sampling", "point", "samples", "replicates", "seed", "generator", "threads",
      "wall_seconds", "replicates_per_second",
    ]
    let rows = zip(results.cells, results.seconds).map { figures, seconds -> [CSVFiles.Field] in
      let cell = figures.cell
      return [
        .text(cell.model), .text(cell.family), .text(cell.objective), .text(cell.sampling), .text(cell.point),
        .integer(cell.samples), .integer(figures.replicates), .unsigned(results.seed), .text(cell.generator.name),
        .integer(results.threads), .number(seconds), .number(Double(figures.replicates) / seconds),
      ]
    }
    return CSVFiles.text(columns, rows)
  }

  /// The estimators whose state was learned on other draws and then frozen, and how.
  private func frozen(_ figures: CellFigures) -> [JSONOutput] {
    figures.entries.compactMap { entry in
      entry.warmUp.map { warmUp in
        .string("\(entry.entry.text): \(warmUp.batches) batches of \(warmUp.lanes) estimates")
      }
    }
  }

  private func manifest(_ results: ExperimentResults?) -> String {
    let state = results == nil ? "pending" : "done"
    let cells = plan.cells.enumerated().map { index, cell -> JSONOutput in
      .object([
        (key: "cell", value: .string(cell.text)),
        (key: "generator", value: .string(cell.generator.name)),
        (key: "estimators", value: .array(cell.entries.map { .string($0.text) })),
        (key: "biased", value: .array(cell.entries.compactMap { $0.biasNote.map(JSONOutput.string) })),
        (key: "frozen", value: .array(results.map { frozen($0.cells[index]) } ?? [])),
        (key: "parameters", value: .array(cell.parameters.map(JSONOutput.number))),
        (key: "exact_value", value: cell.exact.map { .number($0.value) } ?? .null),
        (key: "optimum", value: cell.optimum?.json ?? .null),
        (key: "replicates", value: results.map { .integer($0.cells[index].replicates) } ?? .null),
        (key: "precision", value: results?.cells[index].precision(spec.rule) ?? .null),
        (key: "state", value: .string(state)),
        (key: "wall_seconds", value: results.map { .number($0.seconds[index]) } ?? .null),
      ])
    }
    let document: JSONOutput = .object(
      Manifest.head(spec, source: source, text: specText) + spec.rule.manifestMembers
        + Manifest.state(state, threads: threads, since: started, isOver: results != nil)
        + [
          (key: "notes", value: .array((plan.notes + (results?.notes ?? [])).map(JSONOutput.string))),
          (key: "cells", value: .array(cells)),
        ])
    return document.serialized() + "\n"
  }
}

extension Entry {
  /// What a biased estimator's expectation is instead; nil for an unbiased one.
  package var biasNote: String? {
    if case .biased(let target) = requirements.bias { return "\(text): \(target)" }
    return nil
  }
}
