internal import GradientEstimation
internal import Randomness

/// What a cell would take: what it spends is known beforehand, how long it takes is guessed from a short trial.
package struct CostForecast: Sendable {
  package struct Entry: Sendable {
    package let text: String
    /// In all; an estimator that shares draws with others is charged as if it were alone.
    package let evaluations, gradientEvaluations: Double

    package init(text: String, evaluations: Double, gradientEvaluations: Double) {
      self.text = text
      self.evaluations = evaluations
      self.gradientEvaluations = gradientEvaluations
    }
  }
  /// The lines that name it.
  package let cell: String
  package let entries: [Entry]
  /// What is repeated, `replicates`, and how often.
  package let unit: String
  package let count: Int
  /// Whether `count` is the most that may be needed, not what will be.
  package let isAtMost: Bool
  /// Wall-clock; nil where there was no time left to try.
  package let seconds: Double?

  package init(cell: String, entries: [Entry], unit: String, count: Int, isAtMost: Bool, seconds: Double?) {
    self.cell = cell
    self.entries = entries
    self.unit = unit
    self.count = count
    self.isAtMost = isAtMost
    self.seconds = seconds
  }
}

/// Short trials of a plan, which leave nothing behind.
package enum Trial {
  /// The longest that a cell is tried, and all cells together, in seconds: but one block is always finished.
  static let longest = 0.2, longestInAll = 3.0

  /// What every cell of `plan` would take on `threads` tasks.
  ///
  /// - Parameter check: called before each cell; an error it throws ends the trial.
  package static func forecast(
    _ plan: Plan, _ spec: ExperimentSpec, threads: Int, check: () throws -> Void = {}
  ) throws -> [CostForecast] {
    let budget = min(longest, longestInAll / Double(max(1, plan.cells.count)))
    let clock = ContinuousClock(), start = clock.now
    return try plan.cells.enumerated().map { index, cell in
      try check()
      if spec.kind == .training { return try LearningForecast.training(index, plan, spec, threads: threads) }
      if spec.kind == .evaluation { return try LearningForecast.evaluation(cell, spec, threads: threads) }
      let isLate = (clock.now - start) / .seconds(1) > longestInAll
      if spec.kind == .elbo {
        return try Training.forecast(cell, spec, threads: threads, budget: isLate ? nil : budget)
      }
      let seconds = isLate ? nil : try seconds(cell, spec, threads: threads, budget: budget)
      return CostForecast(
        cell: "\(cell.heading)\n\(cell.place), \(cell.generator.name)",
        entries: cell.entries.map { entry in
          .init(
            text: entry.text, evaluations: entry.requirements.evaluations * Double(spec.replicates),
            gradientEvaluations: entry.requirements.gradientEvaluations * Double(spec.replicates))
        }, unit: "replicates", count: spec.replicates, isAtMost: spec.relativeError != nil, seconds: seconds)
    }
  }

  /// Ever more replicates are timed on one task until `budget` seconds are over, and scaled up to all: `threads` share
  /// the chunks.
  private static func seconds(
    _ cell: Cell, _ spec: ExperimentSpec, threads: Int, budget: Double
  ) throws -> Double {
    let clock = ContinuousClock(), start = clock.now
    func elapsed(since instant: ContinuousClock.Instant) -> Double { (clock.now - instant) / .seconds(1) }
    let prepared = try cell.entries.map { try PreparedEstimator($0, of: cell, seed: spec.seed) }
    let preparing = elapsed(since: start)
    let measure = try CellMeasurement.trial(cell, prepared, seed: spec.seed)
    var size = min(cell.lanesPerBlock, spec.replicates), done = 0, spent = 0.0, trials = 0
    repeat {
      let begin = clock.now
      try measure(size)
      let seconds = elapsed(since: begin)
      // The first touches its memory for the first time: it counts only until there is a second.
      (done, spent) = trials < 2 ? (size, seconds) : (done + size, spent + seconds)
      trials += 1
      size = min(2 * size, CellMeasurement.chunkSize, spec.replicates)
    } while elapsed(since: start) < budget
    let chunks = (spec.replicates + CellMeasurement.chunkSize - 1) / CellMeasurement.chunkSize
    let share = Double((chunks + threads - 1) / threads) / Double(chunks)
    return preparing + spent / Double(done) * Double(spec.replicates) * share
  }
}
