internal import GradientEstimation
internal import Randomness

/// What log p(x) is estimated to be in the cells of a plan of kind `evaluation`.
package struct EvaluationResults: Sendable {
  package let plan: Plan
  package let spec: ExperimentSpec
  package let threads: Int
  /// Cell by cell, those that are done; estimators in their order.
  package let cells: [Judged]
  package var isComplete: Bool { cells.count == plan.cells.count }

  /// A cell with what was found of it.
  package struct Judged: Sendable {
    package let cell: Int
    package let evidence: [MeasuredEvidence]
    package let units: [MeasuredUnits]
    package let seconds: Double
  }

  /// Estimators that gave no finite figure, a line each.
  package var failures: [String] {
    cells.flatMap { judged in
      judged.evidence.filter { !$0.value.isFinite }.map { evidence in
        "\(spec.evidence.estimators[evidence.estimator].text) of \(plan.cells[judged.cell].text), \(evidence.part.rawValue) data: not finite"
      }
    }
  }
}

/// Estimates log p(x).
package enum EvidenceEvaluation {
  /// The stream keys of a cell: every estimator, part and chunk of data has numbers of its own.
  static func streamKeys(_ cell: Cell, _ spec: ExperimentSpec) -> [(key: StreamKey, count: Int)] {
    EvidenceBench.roles(spec.evidence, samples: [cell.samples]).map {
      (StreamKey(seed: spec.seed, cell: cell.text, role: $0), EvidenceBench.chunks(spec.evidence.data))
    }
  }

  private struct Job: Sendable {
    let estimator: Int
    let part: DataPart
    let chunk: Int
  }

  /// How many chunks of data all cells have together.
  package static func chunkCount(_ plan: Plan, _ spec: ExperimentSpec) -> Int {
    plan.cells.reduce(0) { $0 + jobs($1, bench($1, spec), spec).count }
  }

  static func bench(_ cell: Cell, _ spec: ExperimentSpec) -> EvidenceBench {
    EvidenceBench(
      problem: cell.problem,
      network: cell.amortization?.network ?? FreeParameters(dataCount: 1, initial: cell.parameters),
      parameters: cell.parameters, request: spec.evidence)
  }

  private static func jobs(_ cell: Cell, _ bench: EvidenceBench, _ spec: ExperimentSpec) -> [Job] {
    cell.evidence.flatMap { e in
      DataPart.allCases.filter { bench.serves(spec.evidence.estimators[e].product, $0) }.flatMap { part in
        (0..<EvidenceBench.chunks(bench.count(part))).map { Job(estimator: e, part: part, chunk: $0) }
      }
    }
  }

  private typealias Found = (estimates: [EvidenceEstimate], exact: [Double?])

  /// Measures every cell, in order, its chunks of data on `threads` tasks. No digit depends on their number.
  ///
  /// - Parameter goOn: told of chunks as they are done; false ends the run, and the results are of the cells that were finished.
  package static func run(
    _ plan: Plan, _ spec: ExperimentSpec, threads: Int, goOn: @escaping @Sendable (_ chunks: Int) -> Bool
  ) async throws -> EvaluationResults {
    var cells: [EvaluationResults.Judged] = []
    let clock = ContinuousClock()
    for (index, cell) in plan.cells.enumerated() {
      let start = clock.now, bench = bench(cell, spec), all = jobs(cell, bench, spec)
      let queue = JobQueue<Int, (job: Int, found: Found)>(Array(all.indices))
      try await withThrowingTaskGroup(of: Void.self) { group in
        for _ in 0..<min(threads, max(1, all.count)) {
          group.addTask {
            while goOn(0), let job = queue.next() {
              queue.finish((job, try found(all[job], bench, cell, spec)))
              _ = goOn(1)
            }
          }
        }
        try await group.waitForAll()
      }
      let finished = queue.finished.sorted { $0.job < $1.job }
      guard finished.count == all.count else { break }
      cells.append(
        EvaluationResults.Judged(
          cell: index, evidence: gathered(all, finished.map(\.found), cell),
          units: try bench.units { role, chunk in try cell.streams(role, seed: spec.seed).stream(chunk) },
          seconds: (clock.now - start) / .seconds(1)))
    }
    return EvaluationResults(plan: plan, spec: spec, threads: threads, cells: cells)
  }

  private static func found(
    _ job: Job, _ bench: EvidenceBench, _ cell: Cell, _ spec: ExperimentSpec
  ) throws -> Found {
    let estimator = spec.evidence.estimators[job.estimator]
    let role = EvidenceBench.role(estimator.text, cell.samples, job.part)
    var random = try cell.streams(role, seed: spec.seed).stream(job.chunk)
    return try bench.estimate(
      estimator.product, samples: cell.samples, job.part, EvidenceBench.range(job.chunk, of: bench.count(job.part)),
      random: &random)
  }

  /// The chunks of each estimator and part put together, which are one after the other.
  private static func gathered(_ jobs: [Job], _ found: [Found], _ cell: Cell) -> [MeasuredEvidence] {
    var measured: [MeasuredEvidence] = []
    for (job, found) in zip(jobs, found) {
      if let last = measured.last, last.estimator == job.estimator, last.part == job.part {
        measured[measured.count - 1] = last.appending(found.estimates, found.exact)
      } else {
        measured.append(
          MeasuredEvidence(
            estimator: job.estimator, samples: cell.samples, part: job.part, estimates: found.estimates,
            exact: found.exact))
      }
    }
    return measured
  }
}
