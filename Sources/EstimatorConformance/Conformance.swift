internal import EstimatorStatistics
public import ExperimentRunner
internal import Foundation
internal import GradientEstimation
internal import Synchronization

/// Holds every estimator of a registry to the laws of `GradientEstimator`, in every combination that it claims to serve.
///
/// The grid comes from the registry: estimators in all combinations of their choices and flags; models with their
/// `examples`; families, objectives and sampling schemes. Statistical laws are tested at a family-wise level, by
/// default 10⁻³ a run (Bonferroni over every test of the run), on as many replicates as show a relative error of
/// `target` nine times in ten, up to `maxReplicates`; each outcome says what would have been seen.
///
/// In a test of a plug-in:
///
/// ```swift
/// for outcome in try await Conformance(registry, of: ["my-estimator"]).run() {
///   #expect(outcome.isPassed, "\(outcome)")
/// }
/// ```
public struct Conformance: Sendable {
  public var registry: Registry
  /// Ids of estimators, models, families, objectives or sampling schemes, or configurations of them such as
  /// `score:baseline=mean`; of a kind that none names, all are taken.
  public var ids: [String]
  public var seed: UInt64 = 1
  public var threads = max(1, ProcessInfo.processInfo.activeProcessorCount)
  /// P(any correct estimator fails) a run.
  public var level = 1e-3
  /// The relative error of a gradient that is to be seen.
  public var target = 0.02
  /// The same where every part of a combination is seen with other partners at `target`: where everything is checked,
  /// in combinations that are not `GridProblem.isCentral`.
  public var targetElsewhere = 0.1
  /// What a cell takes there at the most.
  private static let maxReplicatesElsewhere = 1 << 14
  /// The most replicates that a cell takes for it.
  public var maxReplicates = 1 << 20

  public init(_ registry: Registry, of ids: [String] = []) {
    self.registry = registry
    self.ids = ids
  }

  /// Checks everything.
  ///
  /// - Parameter goOn: told how many of how many cells are done; false ends the run.
  /// - Throws: `ConformanceError` if an id is unknown or nothing fits together; `CancellationError` where the run was ended;
  ///   what a model or an estimator throws when it is prepared.
  public func run(
    goOn: @escaping @Sendable (_ done: Int, _ of: Int) -> Bool = { _, _ in true }
  ) async throws -> [Outcome] {
    let selection = try Selection(registry, ids: ids)
    let grid = try Grid(registry, selection, seed: seed)
    let tests = max(1, grid.problems.reduce(0) { $0 + testCount($1) })
    let count = grid.problems.reduce(0) { $0 + $1.cells(seed: seed).count }, done = Counter()
    // Many problems are checked side by side, a few one after the other on all threads: what is found is the same.
    let aside = grid.problems.count >= 4 * threads ? threads : 1
    var single = self
    single.threads = max(1, threads / aside)
    let conformance = single
    @Sendable func check(_ index: Int) async throws -> (index: Int, outcomes: [Outcome]) {
      let outcomes = try await conformance.check(grid.problems[index], selection.estimators, tests: tests) {
        guard goOn(done.next(), count) else { throw CancellationError() }
      }
      return (index, outcomes)
    }
    var found: [[Outcome]] = Array(repeating: [], count: grid.problems.count)
    try await withThrowingTaskGroup(of: (index: Int, outcomes: [Outcome]).self) { group in
      var next = 0
      func start() {
        guard next < grid.problems.count else { return }
        let index = next
        next += 1
        group.addTask { try await check(index) }
      }
      for _ in 0..<aside { start() }
      while let part = try await group.next() {
        found[part.index] = part.outcomes
        start()
      }
    }
    return grid.orphans + found.flatMap { $0 }
  }

  /// Checks one problem.
  ///
  /// - Parameters:
  ///   - tests: how many the run has.
  ///   - beforeCell: called before each cell is measured; an error it throws ends the run.
  private func check(
    _ problem: GridProblem, _ estimators: [Configured<any GradientEstimator>], tests: Int,
    beforeCell: @Sendable () throws -> Void
  ) async throws -> [Outcome] {
    let strictness = Strictness(
      level: level / Double(tests), target: problem.isCentral ? target : max(target, targetElsewhere),
      maximum: problem.isCentral ? maxReplicates : min(maxReplicates, Self.maxReplicatesElsewhere),
      unaimed: problem.isCentral ? 1 << 15 : 1 << 12, seed: seed, threads: threads)
    let cells = problem.cells(seed: seed), fullest = fullest(of: cells)
    var outcomes = try fullest.map { try bitwise(problem, $0) } ?? []
    if problem.isCentral, let cell = fullest {
      outcomes += try await SameBits.outcomes(problem, cell, seed: seed)
    }
    let refusals = Refusals(registry: registry, problem: problem, seed: seed)
    for place in problem.places where place.role == .regular {
      outcomes += refusals.outcomes(estimators, at: place)
      outcomes += place.tooDear.map {
        Outcome(
          .unbiased, $0.text, problem: problem.text, place: place.text,
          .reported(
            "not measured: \(Int($0.requirements.evaluations / problem.problem.dataShare / Double(place.samples))) evaluations a draw are more than \(Int(Grid.mostEvaluations))"
          ))
      }
    }
    var trials: [[Trial]] = []
    for cell in cells {
      try beforeCell()
      let (plain, found) = try await measure(problem, cell, strictness)
      trials.append(plain)
      outcomes += found
    }
    return outcomes + varianceOverK(problem, cells, trials, strictness)
  }

  /// Statistical tests of a problem.
  private func testCount(_ problem: GridProblem) -> Int {
    let cells = problem.cells(seed: seed)
    return cells.reduce(0) { count, cell in
      count + cell.cell.entries.count { Unbiasedness.expectation($0, in: cell) != nil }
    } + pairs(of: cells).reduce(0) { $0 + $1.texts.count }
  }

  private func bitwise(_ problem: GridProblem, _ cell: GridCell) throws -> [Outcome] {
    let laws: [any BlockLaw.Type] = [
      LaneIndependence.self, Repeatability.self, DeclaredStreams.self, ObjectiveValue.self, WrongShapes.self,
      NonfiniteValues.self,
    ]
    var ofModel: [Outcome] = []
    if let entry = cell.cell.entries.first, ModelGradient.applies(to: cell) {
      ofModel.append(try ModelGradient.outcome(problem, cell, Bench(cell, entry)))
    }
    return try ofModel
      + cell.cell.entries.flatMap { entry in
        let bench = try Bench(cell, entry)
        return try laws.filter { $0.applies(to: entry) }.map { law in
          let finding = try law.finding(bench)
          return Outcome(
            law.law, entry.text, problem: problem.text, place: cell.place, finding.map { .failed($0) } ?? .passed)
        }
      }
  }

  /// Measures a cell and judges it, by the exact gradient where it is known.
  private func measure(
    _ problem: GridProblem, _ cell: GridCell, _ strictness: Strictness
  ) async throws -> (plain: [Trial], outcomes: [Outcome]) {
    if cell.exact != nil {
      let trials = try await cell.measure(strictness)
      return (trials, try await judge(problem, cell, trials, strictness))
    }
    let plain = try await cell.measure(
      cell.cell.entries, replicates: strictness.unaimed, seed: seed, threads: threads)
    guard let (compared, reference) = try await cell.compared(strictness) else {
      return (plain, try await judge(problem, cell, plain, strictness))
    }
    var outcomes = try await judge(problem, cell, plain.filter { !$0.entry.isUnbiased }, strictness)
    outcomes += try await judge(problem, compared, compared.measure(strictness), strictness)
    if cell.holds(reference.text) {
      let figure = "no exact gradient is known, and the other estimators are compared with this one"
      outcomes.append(
        Outcome(.unbiased, reference.text, problem: problem.text, place: cell.place, .reported(figure)))
    }
    return (plain, outcomes)
  }

  private func judge(
    _ problem: GridProblem, _ cell: GridCell, _ trials: [Trial], _ strictness: Strictness
  ) async throws -> [Outcome] {
    var outcomes: [Outcome] = []
    for trial in trials {
      var checked = Unbiasedness(cell: cell, trial: trial, strictness: strictness)
      if checked.needsMore {
        // Fresh replicates, as many as its tails need: the first rejection counts for nothing.
        let replicates = min(Int(min(2 * trial.normalFrom(strictness), 1e9)), 16 * strictness.maximum)
        let again = try await cell.measure(
          [trial.entry], replicates: max(replicates, trial.moments.count), seed: ~seed, threads: threads)
        if let again = again.first { checked = Unbiasedness(cell: cell, trial: again, strictness: strictness) }
      }
      outcomes.append(checked.outcome(problem))
      if ZeroAtPosterior.applies(trial.entry, in: cell) {
        outcomes.append(ZeroAtPosterior.outcome(problem, cell, trial))
      }
    }
    return outcomes
  }

  private func varianceOverK(
    _ problem: GridProblem, _ cells: [GridCell], _ trials: [[Trial]], _ strictness: Strictness
  ) -> [Outcome] {
    pairs(of: cells).flatMap { pair in
      pair.texts.compactMap { text in
        guard let few = trials[pair.few].first(where: { $0.entry.text == text }),
          let many = trials[pair.many].first(where: { $0.entry.text == text }), !few.hasLearned
        else { return nil }
        return VarianceOverK.outcome(
          problem, (cells[pair.few], few), (cells[pair.many], many), strictness)
      }
    }
  }
}

extension GridCell {
  /// Whether it measures the estimator of this text.
  func holds(_ text: String) -> Bool { cell.entries.contains { $0.text == text } }
}

extension Conformance {
  /// The cell with most entries; of several that with most draws.
  private func fullest(of cells: [GridCell]) -> GridCell? {
    cells.max { ($0.cell.entries.count, $0.cell.samples) < ($1.cell.entries.count, $1.cell.samples) }
  }

  /// Cells at one point with fewer draws and with more, and the estimators whose variances are compared there.
  private func pairs(of cells: [GridCell]) -> [(few: Int, many: Int, texts: [String])] {
    cells.indices.flatMap { few in
      cells.indices.filter { many in
        cells[few].role == .regular && cells[many].role == .regular
          && cells[few].cell.point == cells[many].cell.point && cells[few].cell.samples < cells[many].cell.samples
      }.map { many in
        let texts = cells[few].cell.entries.filter {
          VarianceOverK.applies($0, in: cells[few].cell.problem) && cells[many].holds($0.text)
        }.map(\.text)
        return (few, many, texts)
      }
    }
  }
}

/// Counts from 0, for whoever asks.
private final class Counter: Sendable {
  private let count = Mutex(0)
  func next() -> Int {
    count.withLock { count in
      defer { count += 1 }
      return count
    }
  }
}
