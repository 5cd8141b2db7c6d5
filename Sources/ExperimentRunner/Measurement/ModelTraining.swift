internal import Foundation
package import GradientEstimation
package import Optimization
internal import Randomness

/// One training: cell × estimator × optimizer × run.
package struct MeasuredTraining: Sendable {
  /// Indices into the plan's cells, the cell's entries and the spec's optimizers; runs count from 1.
  package let cell, entry, optimizer, run: Int
  package let points: [TrainingPoint]
  package let status: RunStatus
  /// φ and θ after the epochs that are kept.
  package let kept: [Int: [Double]]
  package let pictures: [TrainingPictures]
  package let network: any InferenceNetwork
  package let seconds: Double
  /// The epoch that it went on from; nil for one that was begun here.
  package let resumedFrom: Int?
}

/// The trainings of a plan of kind `training`.
package struct ModelTrainingResults: Sendable {
  package let plan: Plan
  package let spec: ExperimentSpec
  package let threads: Int
  package let trainings: [MeasuredTraining]
  package var failures: [String] {
    plan.cells.indices.compactMap { c in
      let own = trainings.filter { $0.cell == c }
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
  package struct Job: Sendable {
    let cell, entry, optimizer, run: Int
  }

  /// Run by run, each with every estimator and optimizer of every cell.
  package static func jobs(_ plan: Plan, _ spec: ExperimentSpec) -> [Job] {
    (1...spec.modelTraining.runs).flatMap { run in
      plan.cells.indices.flatMap { c in
        plan.cells[c].entries.indices.flatMap { e in
          spec.modelTraining.optimizers.indices.map { Job(cell: c, entry: e, optimizer: $0, run: run) }
        }
      }
    }
  }

  /// Steps of all trainings together.
  package static func stepCount(_ plan: Plan, _ spec: ExperimentSpec) -> Int {
    jobs(plan, spec).reduce(0) { sum, job in
      guard let model = plan.cells[job.cell].problem.model as? any LocalLatentModel else { return sum }
      let data = model.dataCount(.training)
      return sum + spec.modelTraining.epochs * ((data + model.minibatch - 1) / model.minibatch)
    }
  }

  /// What checkpoints must be of to be gone on from: the same spec, by the same build, on the same processor and data.
  package static func identity(_ plan: Plan, _ spec: ExperimentSpec) -> String {
    let data = plan.cells.map { cell -> String in
      guard let model = cell.problem.model as? any LocalLatentModel else { return "" }
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

  /// The stream keys of a cell, that of initial weights apart, which cells share. All estimators and optimizers share them: run r of each begins at the same weights, and sees
  /// the same minibatches and numbers. Every epoch has streams of its own.
  static func streamKeys(_ cell: Cell, _ spec: ExperimentSpec) -> [(key: StreamKey, count: Int)] {
    let runs = spec.modelTraining.runs, epochs = (spec.modelTraining.epochs + 1) * runs
    let roles =
      [Role.order, Role.draws, Role.evaluation, Role.pictures]
      + cell.entries.filter(\.requirements.usesRandomNumbers).map { Role.estimator($0.text) }
    return roles.map { (StreamKey(seed: spec.seed, cell: cell.text, role: $0), epochs) }
  }

  /// Trains on `threads` tasks, job by job. What a training is does not depend on their number.
  ///
  /// - Parameters:
  ///   - checkpoints: where they are kept; nil for nowhere.
  ///   - goOn: told of steps as they are done; false ends all trainings after the epoch before.
  package static func run(
    _ plan: Plan, _ spec: ExperimentSpec, threads: Int, checkpoints: CheckpointStore?,
    goOn: @escaping @Sendable (_ steps: Int) -> Bool
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
      ($0.cell, $0.entry, $0.optimizer, $0.run) < ($1.cell, $1.entry, $1.optimizer, $1.run)
    }
    return ModelTrainingResults(plan: plan, spec: spec, threads: threads, trainings: trainings)
  }

  private static func train(
    _ job: Job, _ plan: Plan, _ spec: ExperimentSpec, _ checkpoints: CheckpointStore?, _ goOn: (_ steps: Int) -> Bool
  ) throws -> MeasuredTraining {
    let cell = plan.cells[job.cell]
    return try open(
      job, cell, cell.entries[job.entry].estimator, spec.modelTraining.optimizers[job.optimizer].product, spec,
      checkpoints, goOn)
  }

  /// How long a training may go on without a checkpoint.
  private static let checkpointInterval = Duration.seconds(10)

  private static func open<E: GradientEstimator, O: Optimizer>(
    _ job: Job, _ cell: Cell, _ estimator: E, _ optimizer: O, _ spec: ExperimentSpec, _ checkpoints: CheckpointStore?,
    _ goOn: (_ steps: Int) -> Bool
  ) throws -> MeasuredTraining {
    let clock = ContinuousClock(), start = clock.now, settings = spec.modelTraining, text = cell.entries[job.entry].text
    func stream(_ role: String, epoch: Int) throws -> RandomStream {
      try cell.streams(role, seed: spec.seed).stream(epoch * settings.runs + job.run - 1)
    }
    func streams(epoch: Int) throws -> EpochStreams {
      EpochStreams(
        order: try stream(Role.order, epoch: epoch), draws: try stream(Role.draws, epoch: epoch),
        estimator: try stream(Role.estimator(text), epoch: epoch),
        evaluation: try stream(Role.evaluation, epoch: epoch))
    }
    var weights = try Amortization.weightsKey(model: cell.model, family: cell.family, seed: spec.seed)
      .streams(cell.generator).stream(job.run - 1)
    let training = try AutoEncoder(
      settings.ascent(samples: cell.samples), cell.problem, estimator, optimizer, random: &weights)
    let name = [cell.text, text, settings.optimizers[job.optimizer].text, "run \(job.run)"].joined(separator: " ")
    let found = checkpoints?.load(name, as: AutoEncoder<E, O>.Checkpoint.self)
    if let found {
      training.resume(from: found)
      _ = goOn(found.step)
    }
    training.begin(streams: try streams(epoch: 0))
    var saved = clock.now, isInterrupted = false
    while !training.isOver {
      guard try training.runEpoch(streams: streams(epoch: training.checkpoint.epoch + 1), goOn: goOn) else {
        isInterrupted = true
        try checkpoints?.save(training.checkpoint, of: name)
        break
      }
      if let checkpoints, clock.now - saved > checkpointInterval {
        try checkpoints.save(training.checkpoint, of: name)
        saved = clock.now
      }
    }
    // What is over is kept too: another training of the experiment may not be.
    if !isInterrupted { try checkpoints?.save(training.checkpoint, of: name) }
    let over = training.checkpoint
    let pictures =
      try job.run > 1 || isInterrupted
      ? []
      : over.kept.keys.sorted().filter(settings.pictureEpochs.contains).compactMap { epoch -> TrainingPictures? in
        guard let parameters = over.kept[epoch] else { return nil }
        let (phi, model) = training.trained(parameters)
        var random = try stream(Role.pictures, epoch: epoch)
        return TrainingPictures(
          epoch: epoch, cell.problem.with(model: model), model, training.inferenceNetwork, phi, settings.outputs,
          random: &random)
      }
    return MeasuredTraining(
      cell: job.cell, entry: job.entry, optimizer: job.optimizer, run: job.run, points: over.points,
      status: isInterrupted ? .interrupted : over.hasDiverged ? .diverged : .finished,
      kept: over.kept.filter { settings.savedEpochs.contains($0.key) }, pictures: pictures,
      network: training.inferenceNetwork, seconds: (clock.now - start) / .seconds(1), resumedFrom: found?.epoch)
  }
}
