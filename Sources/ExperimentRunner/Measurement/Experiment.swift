package import EstimatorStatistics
package import Randomness

/// The figures of every cell of a plan.
package struct ExperimentResults: Sendable {
  package let seed: UInt64
  package let rule: StoppingRule
  package let threads: Int
  package let cells: [CellFigures]
  /// Entries of which no replicate was finite, one line each: their cells have failed.
  package var failures: [String] {
    cells.flatMap { figures in
      figures.entries.filter { $0.moments.count == 0 }
        .map { "\($0.entry.text) at \(figures.cell.text): no replicate was finite" }
    }
  }
  /// Wall-clock seconds of each cell.
  package let seconds: [Double]
  /// Whether every cell was measured; if not, those that were are the first.
  package let isComplete: Bool
}

/// Measures plans.
package enum Experiment {
  /// Throws unless every stream of the plan is different: before anything is drawn.
  package static func checkStreams(_ plan: Plan, _ spec: ExperimentSpec) throws(RandomnessError) {
    for generator in spec.generators {
      let keys = plan.cells.filter { $0.generator == generator }
        .flatMap { cell in
          switch spec.kind {
          case .variance:
            CellMeasurement.streamKeys(
              cell, seed: spec.seed, replicates: spec.replicates, request: spec.diagnostics)
          case .elbo: Training.streamKeys(cell, spec)
          case .training: ModelTraining.streamKeys(cell, spec)
          case .evaluation: EvidenceEvaluation.streamKeys(cell, spec)
          }
        }
      try StreamKey.checkDisjoint(keys, for: generator)
    }
  }

  /// Measures every cell, in order, on `threads` tasks.
  ///
  /// - Parameter goOn: told of replicates as they are done, of `cells × replicates`; false ends the run, and the results
  ///   are of the cells that were finished.
  package static func run(
    _ plan: Plan, _ spec: ExperimentSpec, threads: Int, goOn: @escaping @Sendable (_ replicates: Int) -> Bool
  ) async throws -> ExperimentResults {
    struct Interrupted: Error {}
    var figures: [CellFigures] = []
    var seconds: [Double] = []
    let clock = ContinuousClock()
    do {
      for cell in plan.cells {
        let start = clock.now
        let measurement = try await CellMeasurement.run(cell, seed: spec.seed, rule: spec.rule, threads: threads) {
          guard goOn($0) else { throw Interrupted() }
        }
        let requested = try await RequestedDiagnostics.run(
          measurement, spec.diagnostics, seed: spec.seed, threads: threads
        ) { guard goOn(0) else { throw Interrupted() } }
        figures.append(CellFigures(measurement, requested))
        seconds.append((clock.now - start) / .seconds(1))
      }
    } catch is Interrupted {}
    return ExperimentResults(
      seed: spec.seed, rule: spec.rule, threads: threads, cells: figures, seconds: seconds,
      isComplete: figures.count == plan.cells.count)
  }
}
