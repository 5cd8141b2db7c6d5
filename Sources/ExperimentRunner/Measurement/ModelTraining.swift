internal import Foundation
package import GradientEstimation
package import Optimization
internal import Randomness

/// One training: cell × algorithm × estimator × optimizer × run.
package struct MeasuredTraining: Sendable {
  package let job: ModelTraining.Job
  package let points: [TrainingPoint]
  package let status: RunStatus
  /// φ and θ after the epochs that are kept.
  package let kept: [Int: [Double]]
  package let pictures: [TrainingPictures]
  package let evidence: [Judgement]
  /// What parameters are.
  package let blocks: [ParameterBlock]
  package let seconds: Double
  /// The epoch that it went on from; nil for one that was begun here.
  package let resumedFrom: Int?
}

/// What log p(x) is estimated to be after an epoch.
package struct Judgement: Sendable {
  package let epoch: Int
  package let evidence: [MeasuredEvidence]
  package let units: [MeasuredUnits]
}

/// The trainings of a plan of kind `training`.
package struct ModelTrainingResults: Sendable {
  package let plan: Plan
  package let spec: ExperimentSpec
  package let threads: Int
  package let trainings: [MeasuredTraining]
  package var failures: [String] {
    plan.cells.indices.compactMap { c in
      let own = trainings.filter { $0.job.cell == c }
      return !own.isEmpty && own.allSatisfy { $0.status == .diverged }
        ? "\(plan.cells[c].text): every training diverged" : nil
    }
  }
  package var isComplete: Bool {
    trainings.count == ModelTraining.jobs(plan, spec).count && trainings.allSatisfy { $0.status != .interrupted }
  }
}

/// Trains models.
package enum ModelTraining {
  /// Indices into the plan's cells, the spec's algorithms, the cell's entries and the spec's optimizers, nil for what the
  /// algorithm does not take; runs count from 1.
  package struct Job: Hashable, Sendable {
    package let cell, algorithm: Int
    package let entry, optimizer: Int?
    package let run: Int

    /// What it trains, and by what, in the words of `Ingredient`s; nil for what the algorithm does not take.
    func texts(_ plan: Plan, _ spec: ExperimentSpec) -> Texts {
      let cell = plan.cells[cell], algorithm = spec.modelTraining.algorithms[algorithm]
      let takesFamily = algorithm.product.ingredients.contains(.family)
      return Texts(
        model: cell.model, family: takesFamily ? cell.family : nil, objective: takesFamily ? cell.objective : nil,
        sampling: takesFamily ? cell.sampling : nil, algorithm: algorithm.text,
        estimator: entry.map { cell.entries[$0].text },
        optimizer: optimizer.map { spec.modelTraining.optimizers[$0].text },
        samples: algorithm.product.ingredients.contains(.samples) ? cell.samples : nil)
    }
  }

  package struct Texts: Hashable, Sendable {
    package let model: String
    package let family, objective, sampling: String?
    package let algorithm: String
    package let estimator, optimizer: String?
    package let samples: Int?
  }

  /// Run by run, each with every algorithm, and every estimator and optimizer that it takes, of every cell.
  package static func jobs(_ plan: Plan, _ spec: ExperimentSpec) -> [Job] {
    (1...spec.modelTraining.runs).flatMap { run in
      plan.cells.indices.flatMap { c in
        plan.cells[c].algorithms.flatMap { a -> [Job] in
          let taken = spec.modelTraining.algorithms[a].product.ingredients
          let entries: [Int?] = taken.contains(.estimator) ? Array(plan.cells[c].entries.indices) : [nil]
          let optimizers: [Int?] =
            taken.contains(.optimizer) ? Array(spec.modelTraining.optimizers.indices) : [nil]
          return entries.flatMap { e in
            optimizers.map { Job(cell: c, algorithm: a, entry: e, optimizer: $0, run: run) }
          }
        }
      }
    }
  }

  /// Epochs of all trainings together.
  package static func epochCount(_ plan: Plan, _ spec: ExperimentSpec) -> Int {
    jobs(plan, spec).count * spec.modelTraining.epochs
  }

  /// What checkpoints must be of to be gone on from: the same spec, by the same build, on the same processor and data.
  package static func identity(_ plan: Plan, _ spec: ExperimentSpec) -> String {
    let data = plan.cells.map { cell -> String in
      guard let model = cell.problem.model as? any LocalLatentModel else { return cell.text }
      return "\(cell.text) \(cell.generator.name) \(fingerprint(of: model, cell.generator))"
    }
    return ([spec.json(of: plan).serialized(), WorkbenchVersion.versions.serialized()] + data).joined(separator: "\n")
  }

  /// A number that other data would change.
  private static func fingerprint(of model: any LocalLatentModel, _ generator: Generator) -> UInt64 {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    // Where data are drawn, they are drawn alike.
    guard var random = try? RandomStream(generator, index: 1) else { return hash }
    for part in DataPart.allCases {
      let count = model.dataCount(part)
      for first in stride(from: 0, to: count, by: 1000) {
        let indices = (first..<min(first + 1000, count)).map { Int32($0) }
        var x = [Double](repeating: 0, count: model.observationDimension * indices.count)
        var span = x.mutableSpan
        model.storeObservations(of: part, indices, random: &random, into: &span)
        for value in x { hash = (hash ^ value.bitPattern) &* 0x0000_0100_0000_01B3 }
      }
    }
    return hash
  }

  private enum Role {
    static let order = "training order"
    static let draws = "training draws"
    static let evaluation = "evaluation"
    static let pictures = "pictures"
    static func estimator(_ text: String) -> String { "training estimator \(text)" }
  }

  /// The stream keys of a cell, that of initial weights apart, which cells share. All algorithms, estimators and optimizers share them: run r of each begins at the
  /// same weights, and sees the same minibatches and numbers. Every epoch has streams of its own.
  static func streamKeys(_ cell: Cell, _ spec: ExperimentSpec) -> [(key: StreamKey, count: Int)] {
    let runs = spec.modelTraining.runs, epochs = (spec.modelTraining.epochs + 1) * runs
    let roles =
      [Role.order, Role.draws, Role.evaluation, Role.pictures]
      + cell.entries.filter(\.requirements.usesRandomNumbers).map { Role.estimator($0.text) }
      + cell.algorithms.map { Role.estimator(spec.modelTraining.algorithms[$0].text) }
    let evidence = spec.modelTraining.evidence
    let judged = EvidenceBench.roles(evidence, samples: evidence.samples).map {
      (StreamKey(seed: spec.seed, cell: cell.text, role: $0), epochs * EvidenceBench.chunks(evidence.data))
    }
    return roles.map { (StreamKey(seed: spec.seed, cell: cell.text, role: $0), epochs) }
      + (evidence.estimators.isEmpty ? [] : judged)
  }

  /// Trains on `threads` tasks, job by job. What a training is does not depend on their number.
  ///
  /// - Parameters:
  ///   - checkpoints: where they are kept; nil for nowhere.
  ///   - goOn: told of epochs as they are done; false ends all trainings after the epoch before.
  package static func run(
    _ plan: Plan, _ spec: ExperimentSpec, threads: Int, checkpoints: CheckpointStore?,
    goOn: @escaping @Sendable (_ epochs: Int) -> Bool
  ) async throws -> ModelTrainingResults {
    let queue = JobQueue<Job, MeasuredTraining>(jobs(plan, spec))
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<min(threads, queue.jobs.count) {
        group.addTask {
          while goOn(0), let job = queue.next() {
            queue.finish(try train(job, plan, spec, checkpoints, goOn))
          }
        }
      }
      try await group.waitForAll()
    }
    let trainings = queue.finished.sorted {
      $0.job.place.lexicographicallyPrecedes($1.job.place)
    }
    return ModelTrainingResults(plan: plan, spec: spec, threads: threads, trainings: trainings)
  }

  /// How long a training may go on without a checkpoint.
  private static let checkpointInterval = Duration.seconds(10)

  private static func train(
    _ job: Job, _ plan: Plan, _ spec: ExperimentSpec, _ checkpoints: CheckpointStore?, _ goOn: (_ epochs: Int) -> Bool
  ) throws -> MeasuredTraining {
    try run(makeRule(job, plan, spec), job, plan, spec, checkpoints, goOn)
  }

  static func makeRule(_ job: Job, _ plan: Plan, _ spec: ExperimentSpec) throws -> any LearningRule {
    let cell = plan.cells[job.cell], settings = spec.modelTraining
    var weights = try Amortization.weightsKey(model: cell.model, family: cell.family, seed: spec.seed)
      .streams(cell.generator).stream(job.run - 1)
    let setting = LearningSetting(
      problem: cell.problem, samples: cell.samples, estimator: job.entry.map { cell.entries[$0].estimator },
      optimizer: job.optimizer.map { settings.optimizers[$0].product }, epochs: settings.epochs,
      evaluationDraws: settings.evaluationDraws)
    return try settings.algorithms[job.algorithm].product.makeRule(setting, random: &weights)
  }

  private static func run<Rule: LearningRule>(
    _ rule: Rule, _ job: Job, _ plan: Plan, _ spec: ExperimentSpec, _ checkpoints: CheckpointStore?,
    _ goOn: (_ epochs: Int) -> Bool
  ) throws -> MeasuredTraining {
    let clock = ContinuousClock(), start = clock.now, settings = spec.modelTraining, cell = plan.cells[job.cell]
    let texts = job.texts(plan, spec)
    func stream(_ role: String, epoch: Int) throws -> RandomStream {
      try cell.streams(role, seed: spec.seed).stream(epoch * settings.runs + job.run - 1)
    }
    func streams(epoch: Int) throws -> EpochStreams {
      EpochStreams(
        order: try stream(Role.order, epoch: epoch), draws: try stream(Role.draws, epoch: epoch),
        estimator: try stream(Role.estimator(texts.estimator ?? texts.algorithm), epoch: epoch),
        evaluation: try stream(Role.evaluation, epoch: epoch))
    }
    let training = LearningRun(rule, settings.schedule)
    let name = "\(cell.text) \(texts) run \(job.run)"
    let found = checkpoints?.load(name, as: LearningRun<Rule>.Checkpoint.self)
    if let found {
      training.resume(from: found)
      _ = goOn(found.epoch)
    }
    training.begin(streams: try streams(epoch: 0))
    var saved = clock.now, isInterrupted = false
    while !training.isOver {
      guard try training.runEpoch(streams: streams(epoch: training.checkpoint.epoch + 1), goOn: { _ in goOn(0) }) else {
        isInterrupted = true
        break
      }
      _ = goOn(1)
      if let checkpoints, clock.now - saved > checkpointInterval {
        try checkpoints.save(training.checkpoint, of: name)
        saved = clock.now
      }
    }
    // What is over is kept too: another training of the experiment may not be.
    try checkpoints?.save(training.checkpoint, of: name)
    let over = training.checkpoint
    let pictures =
      try job.run > 1 || isInterrupted
      ? []
      : over.kept.keys.sorted().filter(settings.pictureEpochs.contains).compactMap { epoch -> TrainingPictures? in
        guard let parameters = over.kept[epoch] else { return nil }
        var random = try stream(Role.pictures, epoch: epoch)
        return TrainingPictures(
          epoch: epoch, rule.problem(at: parameters), rule.network, parameters, settings.outputs, random: &random)
      }
    var judgements: [Judgement] = []
    for epoch in isInterrupted ? [] : settings.evidenceEpochs {
      guard let parameters = over.kept[epoch] else { continue }
      let bench = EvidenceBench(
        problem: rule.problem(at: parameters), network: rule.network, parameters: parameters,
        request: settings.evidence)
      let found = try bench.measure(samples: settings.evidence.samples) { role, chunk in
        try cell.streams(role, seed: spec.seed).stream(
          (epoch * settings.runs + job.run - 1) * EvidenceBench.chunks(settings.evidence.data) + chunk)
      } goOn: {
        goOn(0)
      }
      guard let found else {
        isInterrupted = true
        break
      }
      judgements.append(Judgement(epoch: epoch, evidence: found.evidence, units: found.units))
    }
    return MeasuredTraining(
      job: job, points: over.points, status: isInterrupted ? .interrupted : over.hasDiverged ? .diverged : .finished,
      kept: over.kept.filter { settings.savedEpochs.contains($0.key) }, pictures: pictures, evidence: judgements,
      blocks: rule.parameterBlocks, seconds: (clock.now - start) / .seconds(1), resumedFrom: found?.epoch)
  }
}

extension ModelTraining.Job {
  fileprivate var place: [Int] { [cell, algorithm, entry ?? 0, optimizer ?? 0, run] }
}
