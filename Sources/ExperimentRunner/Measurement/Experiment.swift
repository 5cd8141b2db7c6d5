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
}

/// Measures plans.
package enum Experiment {
  /// Throws unless every stream of the plan is different: before anything is drawn.
  package static func checkStreams(_ plan: Plan, _ spec: ExperimentSpec) throws(RandomnessError) {
    for generator in spec.generators {
      let keys = plan.cells.filter { $0.generator == generator }
        .flatMap { cell in
          switch spec.kind {
          case .variance: CellMeasurement.streamKeys(cell, seed: spec.seed, replicates: spec.replicates)
          case .elbo: Training.streamKeys(cell, spec)
          }
        }
      try StreamKey.checkDisjoint(keys, for: generator)
    }
  }

  /// Measures every cell, in order, on `threads` tasks.
  ///
  /// - Parameter progress: told of replicates as they are done, of `cells × replicates`; an error it throws ends the
  ///   run.
  package static func run(
    _ plan: Plan, _ spec: ExperimentSpec, threads: Int, progress: @escaping @Sendable (Int) throws -> Void
  ) async throws -> ExperimentResults {
    var figures: [CellFigures] = []
    var seconds: [Double] = []
    let clock = ContinuousClock()
    for cell in plan.cells {
      let start = clock.now
      let measurement = try await CellMeasurement.run(
        cell, seed: spec.seed, rule: spec.rule, threads: threads, progress: progress)
      figures.append(CellFigures(measurement))
      seconds.append((clock.now - start) / .seconds(1))
    }
    return ExperimentResults(
      seed: spec.seed, rule: spec.rule, threads: threads, cells: figures, seconds: seconds)
  }
}
