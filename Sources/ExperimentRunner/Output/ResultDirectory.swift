import Foundation
internal import GradientEstimation
internal import Randomness

/// Writes what a run leaves: `manifest.json` first, then the CSV files; in place only when all is complete.
package struct ResultDirectory {
  /// Of all kinds.
  package static let fileNames: Set<String> = [
    "manifest.json", "variance.csv", "coordinates.csv", "comparison.csv", "diagnostics.csv", "correlations.csv",
    "eigenvalues.csv", "timing.csv", "elbo.csv", "band.csv", "ranking.csv", "marginals.csv", "parameters.csv",
    "training.csv", "latent.csv", "manifold.csv", "reconstruction.csv", "samples.csv", "imputation.csv",
    "evidence.csv", "units.csv",
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
  package func commit(_ outcome: some ExperimentOutcome) throws(StagingError) {
    for (name, text) in outcome.files { try staged.write(text, to: name) }
    try staged.write(manifest(outcome), to: "manifest.json")
    try staged.commit()
  }

  package func discard() { staged.discard() }

  /// Where the files are until they are in place, and stay if that fails.
  package var stagedPath: String { staged.stagedPath }
  /// Where they belong.
  package var finalPath: String { staged.finalPath }

  private func manifest(_ outcome: (any ExperimentOutcome)?) -> String {
    let over = outcome.map { $0.isComplete ? "done" : "interrupted" }
    let cells = plan.cells.enumerated().map { index, cell -> JSONOutput in
      let came = outcome?.manifest(ofCell: index)
      return .object(
        [
          (key: "cell", value: .string(cell.text)), (key: "generator", value: .string(cell.generator.name)),
          (key: "estimators", value: .array(cell.entries.map { .string($0.text) })),
          (key: "biased", value: .array(cell.entries.compactMap { $0.biasNote.map(JSONOutput.string) })),
          (key: "parameters", value: .array((cell.amortization == nil ? cell.parameters : []).map(JSONOutput.number))),
          (key: "exact_value", value: cell.exact.map { .number($0.value) } ?? .null),
          (key: "optimum", value: (cell.optimum ?? cell.greatest)?.json ?? .null),
          (key: "state", value: .string(came == nil ? "pending" : over ?? "pending")),
        ] + (came ?? []))
    }
    let document: JSONOutput = .object(
      Manifest.head(spec, source: source, text: specText)
        + Manifest.state(over ?? "pending", threads: threads, since: started, isOver: outcome != nil)
        + [
          (
            key: "inputs",
            value: .array(plan.inputs.map { ["path": .string($0.path), "sha256": .string($0.digest)] })
          ),
          (key: "notes", value: .array((plan.notes + (outcome?.notes ?? [])).map(JSONOutput.string))),
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
