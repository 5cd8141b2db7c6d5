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

  /// Measures, and where `directory` is given writes the results there when they are complete.
  func measure(_ experiment: PlannedExperiment, writingTo directory: String?) async throws -> ExperimentResults {
    let (spec, plan) = (experiment.spec, experiment.plan)
    Interruption.watch()
    var output: ResultDirectory?
    do {
      output = try directory.map {
        try ResultDirectory(
          path: $0, plan: plan, spec: spec, source: experiment.source, specText: experiment.text,
          threads: threadCount)
      }
    } catch {
      throw Failure(.output, ["\(error)"])
    }
    let progress = ProgressBar(total: plan.cells.count * spec.replicates, label: spec.name)
    do {
      let results = try await Experiment.run(plan, spec, threads: threadCount) { done in
        if Interruption.isRequested { throw Failure(.interrupted, ["interrupted"]) }
        progress.advance(by: done)
      }
      progress.finish()
      if Interruption.isRequested { throw Failure(.interrupted, ["interrupted"]) }
      do {
        try output?.commit(results)
      } catch {
        let kept = output.map { "; the results are in \($0.stagedPath)" } ?? ""
        output = nil
        throw Failure(.output, ["\(error)\(kept)"])
      }
      return results
    } catch {
      progress.finish()
      output?.discard()
      if error is Failure { throw error }
      throw Failure(.failed, ["\(experiment.source): \(error)"])
    }
  }
}

extension ExecutionOptions {
  /// Runs optimizations, shows what came of them, and where `directory` is given writes it there. What was finished
  /// before an interruption is shown too, and written beside the directory.
  func train(
    _ experiment: PlannedExperiment, writingTo directory: String?, show: (TrainingResults) -> Void
  ) async throws {
    let (spec, plan) = (experiment.spec, experiment.plan)
    Interruption.watch()
    func output(_ path: String) throws -> TrainingDirectory {
      do {
        return try TrainingDirectory(
          path: path, plan: plan, spec: spec, source: experiment.source, specText: experiment.text,
          threads: threadCount)
      } catch {
        throw Failure(.output, ["\(error)"])
      }
    }
    let staged = try directory.map(output)
    let progress = ProgressBar(total: Training.runCount(plan, spec) * spec.training.steps, label: spec.name)
    let results: TrainingResults
    do {
      results = try await Training.run(plan, spec, threads: threadCount) { steps in
        progress.advance(by: steps)
        return !Interruption.isRequested
      }
      progress.finish()
    } catch {
      progress.finish()
      staged?.discard()
      throw Failure(.failed, ["\(experiment.source): \(error)"])
    }
    show(results)
    guard results.isComplete else {
      staged?.discard()
      guard let directory, !results.curves.isEmpty else { throw Failure(.interrupted, ["interrupted"]) }
      let kept = try output(Self.interruptedPath(directory))
      try commit(kept, results)
      throw Failure(.interrupted, ["interrupted; what was done by then is in \(kept.finalPath)/"])
    }
    if let staged { try commit(staged, results) }
  }

  /// Where the results of an interrupted run go, so that complete ones stay.
  static func interruptedPath(_ directory: String) -> String {
    var path = directory
    while path.count > 1, path.hasSuffix("/") { path.removeLast() }
    return path + ".interrupted"
  }

  private func commit(_ output: TrainingDirectory, _ results: TrainingResults) throws {
    do {
      try output.commit(results)
    } catch {
      throw Failure(.output, ["\(error); the results are in \(output.stagedPath)"])
    }
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

  func advance(by count: Int) {
    guard isShown else { return }
    state.withLock {
      $0.done += count
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
