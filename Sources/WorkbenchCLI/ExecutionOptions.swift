import ArgumentParser
internal import ExperimentRunner
import Foundation
internal import Randomness
internal import Synchronization

/// A spec whose plan stands, with its text for the manifest.
struct PlannedExperiment {
  let spec: ExperimentSpec
  let plan: Plan
  let source: String
  let text: [UInt8]
  /// What begins a line about one of several files; nothing for the command line.
  var prefix: String { source == Self.commandLine ? "" : source + ": " }
  static let commandLine = "command line"
}

/// How a measurement is carried out; nothing here changes a digit of it.
struct ExecutionOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Parallel tasks. (default: the number of processors)", valueName: "t"))
  var threads: Int?

  @Flag(help: "Say what would be spent and how long it may take; measure and write nothing.")
  var dryRun = false

  func validate() throws {
    if let threads, !(1...1024).contains(threads) {
      throw ValidationError("--threads expects an integer from 1 to 1024, found \(threads)")
    }
  }

  private var threadCount: Int { threads ?? max(1, ProcessInfo.processInfo.activeProcessorCount) }

  /// What the experiment would take, after a short trial.
  func forecast(_ experiment: PlannedExperiment) throws -> String {
    Interruption.watch()
    do {
      let forecasts = try Trial.forecast(experiment.plan, experiment.spec, threads: threadCount) {
        if Interruption.isRequested { throw Failure(.interrupted, ["interrupted"]) }
      }
      return ForecastTable(forecasts, threads: threadCount, isColored: Terminal.isColored).rendered()
    } catch let failure as Failure {
      throw failure
    } catch {
      throw Failure(.failed, ["\(experiment.source): \(error)"])
    }
  }

  /// Measures the variance of gradients; see `carryOut`.
  func measure(
    _ experiment: PlannedExperiment, writingTo directory: String?, show: (ExperimentResults) -> Void
  ) async throws -> [String] {
    return try await carryOut(
      experiment, writingTo: directory, total: experiment.plan.cells.count * experiment.spec.replicates
    ) { goOn in
      try await Experiment.run(experiment.plan, experiment.spec, threads: threadCount, goOn: goOn)
    } show: { results in
      show(results)
      return results.failures.map { experiment.prefix + $0 }
    }
  }

  /// Runs optimizations; see `carryOut`.
  func train(
    _ experiment: PlannedExperiment, writingTo directory: String?, show: (TrainingResults) -> Void
  ) async throws -> [String] {
    let runs = Training.runCount(experiment.plan, experiment.spec)
    return try await carryOut(experiment, writingTo: directory, total: runs * experiment.spec.training.steps) { goOn in
      try await Training.run(experiment.plan, experiment.spec, threads: threadCount, goOn: goOn)
    } show: { results in
      show(results)
      return results.failures.map { experiment.prefix + $0 }
    }
  }

  /// Trains models; see `carryOut`. Checkpoints are kept beside `directory`, and gone on from where there are any of the same
  /// experiment.
  func trainModels(
    _ experiment: PlannedExperiment, writingTo directory: String, show: (ModelTrainingResults) -> Void
  ) async throws -> [String] {
    let checkpoints = CheckpointStore(
      beside: directory, identity: ModelTraining.identity(experiment.plan, experiment.spec))
    let failures = try await carryOut(
      experiment, writingTo: directory, total: ModelTraining.epochCount(experiment.plan, experiment.spec)
    ) { goOn in
      try await ModelTraining.run(
        experiment.plan, experiment.spec, threads: threadCount, checkpoints: checkpoints, goOn: goOn)
    } show: { results in
      show(results)
      return results.failures.map { experiment.prefix + $0 }
    }
    checkpoints.clear()
    return failures
  }

  /// Estimates log p(x); see `carryOut`.
  func evaluate(
    _ experiment: PlannedExperiment, writingTo directory: String?, show: (EvaluationResults) -> Void
  ) async throws -> [String] {
    let chunks = EvidenceEvaluation.chunkCount(experiment.plan, experiment.spec)
    return try await carryOut(experiment, writingTo: directory, total: chunks) { goOn in
      try await EvidenceEvaluation.run(experiment.plan, experiment.spec, threads: threadCount, goOn: goOn)
    } show: { results in
      show(results)
      return results.failures.map { experiment.prefix + $0 }
    }
  }

  /// Carries out an experiment, shows what came of it, and where `directory` is given writes it there. What was finished
  /// before an interruption is shown too, and written beside the directory.
  ///
  /// - Parameters:
  ///   - total: what `goOn` counts to.
  ///   - show: returns what failed, a line each.
  /// - Returns: what failed.
  private func carryOut<Outcome: ExperimentOutcome>(
    _ experiment: PlannedExperiment, writingTo directory: String?, total: Int,
    _ body: (_ goOn: @escaping @Sendable (Int) -> Bool) async throws -> Outcome, show: (Outcome) -> [String]
  ) async throws -> [String] {
    Interruption.watch()
    let staged = try directory.map { try output(experiment, $0) }
    let progress = ProgressBar(total: total, label: experiment.spec.name)
    let outcome: Outcome
    do {
      outcome = try await body { done in
        progress.advance(by: done)
        return !Interruption.isRequested
      }
      progress.finish()
    } catch {
      progress.finish()
      staged?.discard()
      throw Failure(.failed, ["\(experiment.source): \(error)"])
    }
    if !outcome.isComplete, outcome.isEmpty {
      staged?.discard()
      throw Failure(.interrupted, ["interrupted"])
    }
    outcome.notes.forEach { Workbench.report("note: \(experiment.prefix)\($0)") }
    let failures = show(outcome)
    guard outcome.isComplete else {
      staged?.discard()
      guard let directory else { throw Failure(.interrupted, ["interrupted"]) }
      let kept = try output(experiment, Self.interruptedPath(directory))
      try commit(kept, outcome)
      throw Failure(.interrupted, ["interrupted; what was done by then is in \(kept.finalPath)/"])
    }
    if let staged { try commit(staged, outcome) }
    return failures
  }

  private func output(_ experiment: PlannedExperiment, _ path: String) throws -> ResultDirectory {
    do {
      return try ResultDirectory(
        path: path, plan: experiment.plan, spec: experiment.spec, source: experiment.source,
        specText: experiment.text, threads: threadCount)
    } catch {
      throw Failure(.output, ["\(error)"])
    }
  }

  private func commit(_ output: ResultDirectory, _ outcome: some ExperimentOutcome) throws {
    do {
      try output.commit(outcome)
    } catch {
      throw Failure(.output, ["\(error); the results are in \(output.stagedPath)"])
    }
  }

  /// Where the results of an interrupted run go, so that complete ones stay.
  static func interruptedPath(_ directory: String) -> String {
    var path = directory
    while path.count > 1, path.hasSuffix("/") { path.removeLast() }
    return path + ".interrupted"
  }
}

/// Whether Ctrl-C was pressed, or the process was asked to end. Once ends the run in order, twice at once.
enum Interruption {
  private static let flag = Atomic<Bool>(false)

  static var isRequested: Bool { flag.load(ordering: .relaxed) }

  static func watch() {
    _ = isRequested
    for ending in [SIGINT, SIGTERM] {
      signal(ending) { _ in
        if Interruption.isRequested { _exit(130) }
        Interruption.flag.store(true, ordering: .relaxed)
      }
    }
  }
}

/// What the terminals can show.
enum Terminal {
  static var isColored: Bool {
    isatty(STDOUT_FILENO) == 1 && ProcessInfo.processInfo.environment["NO_COLOR", default: ""].isEmpty
      && ProcessInfo.processInfo.environment["TERM"] != "dumb"
  }
  static var showsProgress: Bool { isatty(STDERR_FILENO) == 1 }
}

/// A bar on standard error, where that is a terminal.
final class ProgressBar: Sendable {
  private let total: Int
  private let label: String
  private let isShown = Terminal.showsProgress
  private let state = Mutex((done: 0, shown: -1))

  init(total: Int, label: String) {
    self.total = total
    self.label = label
  }

  func advance(by count: Int) { move { $0 + count } }

  func advance(to count: Int) { move { _ in count } }

  private func move(_ change: (Int) -> Int) {
    guard isShown else { return }
    state.withLock {
      $0.done = change($0.done)
      let percent = 100 * $0.done / max(1, total)
      guard percent != $0.shown else { return }
      $0.shown = percent
      let filled = String(repeating: "█", count: percent / 4) + String(repeating: "░", count: 25 - percent / 4)
      FileHandle.standardError.write(Data("\r\(label) \(filled) \(percent) %".utf8))
    }
  }

  func finish() {
    guard isShown else { return }
    FileHandle.standardError.write(Data("\r\u{1B}[K".utf8))
  }
}
