internal import GradientEstimation
internal import Optimization
internal import Randomness

/// What trainings and evaluations would take: a step of each, or a datum by each estimator, is tried and scaled up.
enum LearningForecast {
  private struct Tried {
    let entry: CostForecast.Entry
    /// Of all of it, on one task.
    let seconds: Double
  }

  private static func timed<R>(_ body: () throws -> R) rethrows -> (R, seconds: Double) {
    let clock = ContinuousClock(), start = clock.now
    let result = try body()
    return (result, (clock.now - start) / .seconds(1))
  }

  private static func forecast(
    _ cell: String, _ tried: [Tried], unit: String, count: Int, threads: Int
  ) -> CostForecast {
    CostForecast(
      cell: cell, entries: tried.map(\.entry), unit: unit, count: count, isAtMost: false,
      seconds: tried.reduce(0) { $0 + $1.seconds } / Double(min(threads, max(1, tried.count))))
  }

  /// Every training of cell `index` apart from its repetitions.
  static func training(
    _ index: Int, _ plan: Plan, _ spec: ExperimentSpec, threads: Int
  ) throws -> CostForecast {
    let jobs = ModelTraining.jobs(plan, spec).filter { $0.cell == index && $0.run == 1 }
    let tried = try jobs.map { job in
      let rule = try ModelTraining.makeRule(job, plan, spec)
      return try step(rule, job.texts(plan, spec), plan.cells[index], spec)
    }
    return forecast(
      plan.cells[index].model, tried, unit: "epochs each, \(spec.modelTraining.runs) of each",
      count: spec.modelTraining.epochs, threads: threads)
  }

  private static func step<Rule: LearningRule>(
    _ rule: Rule, _ texts: ModelTraining.Texts, _ cell: Cell, _ spec: ExperimentSpec
  ) throws -> Tried {
    var (parameters, state) = rule.start
    let count = rule.problem(at: parameters).data.dataCount(.training)
    let indices = (0..<min(rule.dataPerStep, count)).map { Int32($0) }
    func stream(_ role: String) throws -> RandomStream { try cell.streams("trial \(role)", seed: spec.seed).stream(0) }
    var streams = EpochStreams(
      order: try stream("order"), draws: try stream("draws"), estimator: try stream("estimator"),
      evaluation: try stream("evaluation"))
    // The first step makes its scratch.
    var (done, seconds) = try timed {
      try rule.step(indices, number: 0, parameters: &parameters, state: &state, streams: &streams)
    }
    (done, seconds) = try timed {
      try rule.step(indices, number: 1, parameters: &parameters, state: &state, streams: &streams)
    }
    let steps = (count + rule.dataPerStep - 1) / rule.dataPerStep * spec.modelTraining.epochs
    let all = Double(steps * spec.modelTraining.runs)
    return Tried(
      entry: .init(
        text: [texts.algorithm, texts.estimator, texts.optimizer].compactMap { $0 }.joined(separator: " "),
        evaluations: done.evaluations * all, gradientEvaluations: done.gradientEvaluations * all),
      seconds: seconds * all)
  }

  /// Every evidence estimator of a cell, of the first datum.
  static func evaluation(_ cell: Cell, _ spec: ExperimentSpec, threads: Int) throws -> CostForecast {
    let bench = EvidenceEvaluation.bench(cell, spec)
    let tried = try cell.evidence.map { index in
      let estimator = spec.evidence.estimators[index]
      let data = DataPart.allCases.reduce(0) { $0 + (bench.serves(estimator.product, $1) ? bench.count($1) : 0) }
      var random = try cell.streams("trial \(estimator.text)", seed: spec.seed).stream(0)
      let (found, seconds) = try timed {
        try bench.estimate(estimator.product, samples: cell.samples, .training, 0..<1, random: &random)
      }
      let own = found.estimates.first, all = Double(data)
      return Tried(
        entry: .init(
          text: estimator.text, evaluations: (own?.evaluations ?? 0) * all,
          gradientEvaluations: (own?.gradientEvaluations ?? 0) * all), seconds: seconds * all)
    }
    return forecast(
      "\(cell.model) · \(cell.family)\nat \(cell.point), K = \(cell.samples)", tried, unit: "data of each part at most",
      count: spec.evidence.data, threads: threads)
  }
}
