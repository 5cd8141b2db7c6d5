internal import EstimatorStatistics
internal import ExperimentRunner
internal import GradientEstimation

/// The same seed gives the same bits: on one thread and on two, alone and beside other estimators, whose streams nothing
/// touches.
enum SameBits {
  /// More than a chunk, so that two threads share them, and a batch that is not full.
  static let replicates = CellMeasurement.chunkSize + 300

  static func outcomes(_ problem: GridProblem, _ cell: GridCell, seed: UInt64) async throws -> [Outcome] {
    let entries = cell.cell.entries
    let together = try await cell.measure(entries, replicates: replicates, seed: seed, threads: 1)
    let parallel = try await cell.measure(entries, replicates: replicates, seed: seed, threads: 2)
    var outcomes: [Outcome] = []
    for (e, entry) in entries.enumerated() {
      let alone = try await cell.measure([entry], replicates: replicates, seed: seed, threads: 1)
      let finding: String? =
        if !equal(together[e], parallel[e]) {
          "one thread and two give other numbers"
        } else if alone.first.map({ equal($0, together[e]) }) != true {
          "alone it gives other numbers than in company"
        } else { nil }
      outcomes.append(
        Outcome(
          .sameBits, entry.text, problem: problem.text, place: cell.place, finding.map { .failed($0) } ?? .passed))
    }
    return outcomes
  }

  private static func equal(_ a: Trial, _ b: Trial) -> Bool {
    sameBits(a.moments.mean, b.moments.mean) && sameBits(a.moments.squares, b.moments.squares)
      && a.moments.nonfinite == b.moments.nonfinite
  }
}
