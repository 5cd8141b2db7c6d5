internal import GradientEstimation
package import Optimization
internal import Randomness

/// One run of an optimization: cell × estimator × optimizer × run.
package struct MeasuredCurve: Sendable {
  /// Indices into the plan's cells, the cell's entries and the spec's optimizers; runs count from 1.
  package let cell, entry, optimizer, run: Int
  package let curve: Curve
  package let seconds: Double
}

/// The curves of a plan of kind `elbo`.
package struct TrainingResults: Sendable {
  package let plan: Plan
  package let spec: ExperimentSpec
  package let threads: Int
  /// By cell, estimator, optimizer and run; where the run was interrupted, those that had begun.
  package let curves: [MeasuredCurve]
  /// Cells whose every run has diverged, a line each: there is nothing to compare.
  package var failures: [String] {
    plan.cells.indices.compactMap { c in
      let own = curves.filter { $0.cell == c }
      return !own.isEmpty && own.allSatisfy { $0.curve.status == .diverged }
        ? "\(plan.cells[c].text): every run diverged" : nil
    }
  }
  /// Whether every curve came to its own end.
  package var isComplete: Bool {
    curves.count == Training.runCount(plan, spec) && curves.allSatisfy { $0.curve.status != .interrupted }
  }
}

/// Runs optimizations.
package enum Training {
  /// How many optimizations a plan asks for.
  package static func runCount(_ plan: Plan, _ spec: ExperimentSpec) -> Int {
    plan.cells.reduce(0) { $0 + $1.entries.count } * spec.training.optimizers.count * spec.training.runs
  }

  /// The stream keys of a cell. All estimators and optimizers share them: run r of each sees the same random numbers.
  static func streamKeys(_ cell: Cell, _ spec: ExperimentSpec) -> [(key: StreamKey, count: Int)] {
    var roles = [Role.draws, Role.evaluation]
    if (cell.problem.model as? any SubsampledModel)?.minibatch != nil { roles.append(Role.minibatches) }
    roles += cell.entries.filter(\.requirements.usesRandomNumbers).map { Role.estimator($0.text) }
    return roles.map { (StreamKey(seed: spec.seed, cell: cell.text, role: $0), spec.training.runs) }
  }

  private enum Role {
    static let draws = "training draws"
    static let minibatches = "training minibatch"
    static let evaluation = "evaluation"
    static func estimator(_ text: String) -> String { "training estimator \(text)" }
  }

  /// Runs every optimization on `threads` tasks, run by run. What a curve is does not depend on their number.
  ///
  /// - Parameter goOn: told of steps as they are done; false ends all curves where they are.
  package static func run(
    _ plan: Plan, _ spec: ExperimentSpec, threads: Int, goOn: @escaping @Sendable (_ steps: Int) -> Bool
  ) async throws -> TrainingResults {
    let queue = JobQueue<Job, MeasuredCurve>(jobs(plan, spec))
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<min(threads, queue.jobs.count) {
        group.addTask {
          while goOn(0), let job = queue.next() {
            let clock = ContinuousClock(), start = clock.now
            let cell = plan.cells[job.cell]
            let curve = try curve(
              cell, cell.entries[job.entry], spec.training.optimizers[job.optimizer].product, job.run, spec, goOn)
            queue.finish(
              MeasuredCurve(
                cell: job.cell, entry: job.entry, optimizer: job.optimizer, run: job.run, curve: curve,
                seconds: (clock.now - start) / .seconds(1)))
          }
        }
      }
      try await group.waitForAll()
    }
    let curves = queue.finished.sorted {
      ($0.cell, $0.entry, $0.optimizer, $0.run) < ($1.cell, $1.entry, $1.optimizer, $1.run)
    }
    return TrainingResults(plan: plan, spec: spec, threads: threads, curves: curves)
  }

  private struct Job {
    let cell, entry, optimizer, run: Int
  }

  /// Run by run, each with every estimator and optimizer of every cell.
  private static func jobs(_ plan: Plan, _ spec: ExperimentSpec) -> [Job] {
    (1...spec.training.runs).flatMap { run in
      plan.cells.indices.flatMap { c in
        plan.cells[c].entries.indices.flatMap { e in
          spec.training.optimizers.indices.map { Job(cell: c, entry: e, optimizer: $0, run: run) }
        }
      }
    }
  }

  private static func curve(
    _ cell: Cell, _ entry: Entry, _ optimizer: any Optimizer, _ run: Int, _ spec: ExperimentSpec,
    stride: Int = 64, _ goOn: (_ steps: Int) -> Bool
  ) throws -> Curve {
    func stream(_ role: String) throws -> RandomStream { try cell.streams(role, seed: spec.seed).stream(run - 1) }
    let streams = RunStreams(
      draws: try stream(Role.draws), minibatches: try stream(Role.minibatches),
      estimator: try stream(Role.estimator(entry.text)), evaluation: try stream(Role.evaluation))
    return try open(
      spec.training.ascent(samples: cell.samples), cell, entry.estimator, optimizer, streams, stride, goOn)
  }

  /// - Parameter stride: how many steps pass between two reports.
  private static func open<E: GradientEstimator, O: Optimizer>(
    _ ascent: GradientAscent, _ cell: Cell, _ estimator: E, _ optimizer: O, _ streams: consuming RunStreams,
    _ stride: Int, _ goOn: (_ steps: Int) -> Bool
  ) throws -> Curve {
    var reported = 0
    let curve = try ascent.run(
      cell.problem, estimator, optimizer, from: cell.parameters, streams: streams
    ) { step in
      guard step % stride == 0 || ascent.evaluateEvery > 1 && step % ascent.evaluateEvery == 0 else { return true }
      defer { reported = step }
      return goOn(step - reported)
    }
    if curve.status != .interrupted { _ = goOn(ascent.steps - reported) }
    return curve
  }
}

extension Training {
  /// What a cell would take: each estimator is tried for its share of `budget` seconds with the first optimizer.
  ///
  /// The time of a step is the median of those that were done, the time of an evaluation that of the first.
  static func forecast(_ cell: Cell, _ spec: ExperimentSpec, threads: Int, budget: Double?) throws -> CostForecast {
    let training = spec.training, ascent = training.ascent(samples: cell.samples)
    let runs = training.runs * training.optimizers.count, steps = Double(training.steps * runs)
    var seconds = budget == nil ? nil : Optional(0.0)
    if let budget, let optimizer = training.optimizers.first?.product {
      let clock = ContinuousClock()
      for entry in cell.entries {
        let start = clock.now
        var times: [Double] = []
        let share = budget / Double(cell.entries.count)
        _ = try curve(cell, entry, optimizer, 1, spec, stride: 1) { _ in
          times.append((clock.now - start) / .seconds(1))
          return times.count < 3 || times[times.count - 1] < share
        }
        let gaps = zip(times.dropFirst(), times).map { $0 - $1 }.sorted()
        let evaluations = Double(training.steps / ascent.evaluateEvery + 1)
        // A run that is lost at once has no step to time.
        let step = gaps.isEmpty ? 0 : gaps[gaps.count / 2]
        let run = step * Double(training.steps) + (times.first ?? 0) * evaluations
        seconds = seconds.map { $0 + run * Double(runs) }
      }
    }
    let jobs = runs * cell.entries.count, share = Double((jobs + threads - 1) / threads) / Double(jobs)
    return CostForecast(
      cell: "\(cell.heading)\n\(training.place(of: cell)), \(cell.generator.name)",
      entries: cell.entries.map {
        CostForecast.Entry(
          text: $0.text, evaluations: $0.step.evaluations * steps, gradientEvaluations: $0.step.gradients * steps)
      }, unit: "steps of each estimator", count: training.steps * runs, isAtMost: training.convergenceRule != nil,
      seconds: seconds.map { $0 * share })
  }
}
