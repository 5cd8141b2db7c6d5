import EstimatorStatistics
@testable import ExperimentRunner
import GradientEstimation
import Testing

/// `"replicates": "auto"`.
@Suite struct StoppingTests {
  static let cells = #"""
    "at": ["initial", "posterior"], "model": ["gaussian", {"id": "gaussian", "options": {"dimension": 10}}],
    "estimators": ["reparam", "stl", {"id": "score", "options": {"baseline": "moving-average"}}],
    """#
  static let auto = #""replicates": "auto", "relative_error": 0.05, "max_replicates": 100000"#

  func run(_ members: String, threads: Int = 2) async throws -> ExperimentResults {
    let reading = try Reading(members: members)
    let plan = try #require(reading.plan, "\(reading.faults)")
    return try await Experiment.run(plan, reading.spec, threads: threads) { _ in true }
  }

  func tables(_ results: ExperimentResults) -> [[String]] {
    [CSVFiles.varianceRows(results), CSVFiles.coordinateRows(results), CSVFiles.comparisonRows(results)].map {
      $0.map { $0.map(\.csv).joined(separator: ",") }
    }
  }

  /// Rows of the cell that `figures` are of.
  func tables(_ results: ExperimentResults, cell: Int) -> [[String]] {
    tables(
      ExperimentResults(
        seed: results.seed, rule: results.rule, threads: 1, cells: [results.cells[cell]],
        seconds: [results.seconds[cell]], isComplete: true))
  }

  @Test func aStoppedCellHasTheDigitsOfFixedReplicates() async throws {
    let stopped = try await run(Self.cells + Self.auto)
    let counts = stopped.cells.map(\.replicates)
    // The second checkpoint, the next, and the last, which ends within a chunk.
    #expect(counts.count == 4 && Set(counts) == [32_768, 65_536, 100_000], "\(counts)")
    for count in Set(counts) {
      let fixed = try await run(Self.cells + #""replicates": \#(count)"#)
      for cell in counts.indices where counts[cell] == count {
        #expect(tables(fixed, cell: cell) == tables(stopped, cell: cell))
      }
    }
  }

  @Test func itStopsWhereTheDemandIsMetTwiceInARow() async throws {
    let stopped = try await run(Self.cells + Self.auto)
    func isNarrow(_ figures: CellFigures) -> Bool {
      figures.entries.allSatisfy { entry in
        entry.blocks.allSatisfy {
          $0.mark == .rounding
            || $0.mark == .none && ($0.interval.high - $0.interval.low) / 2 / $0.variance <= 0.05
        }
      }
    }
    let checkpoints = [16_384, 32_768, 65_536]
    var met: [[Bool]] = []
    for checkpoint in checkpoints {
      met.append(try await run(Self.cells + #""replicates": \#(checkpoint)"#).cells.map(isNarrow))
    }
    for (c, cell) in stopped.cells.enumerated() {
      let second = checkpoints.indices.dropFirst().first { met[$0][c] && met[$0 - 1][c] }
      #expect(cell.replicates == second.map { checkpoints[$0] } ?? 100_000)
      #expect((cell.shortfall == nil) == isNarrow(cell))
    }
  }

  @Test func threadsChangeNothing() async throws {
    let one = try await run(Self.cells + Self.auto, threads: 1)
    for threads in [2, 3, 7] {
      #expect(tables(try await run(Self.cells + Self.auto, threads: threads)) == tables(one), "\(threads) threads")
    }
  }

  @Test func progressAddsUp() async throws {
    let reading = try Reading(members: Self.cells + Self.auto)
    let plan = try #require(reading.plan), done = Counter()
    _ = try await Experiment.run(plan, reading.spec, threads: 2) {
      done.add($0)
      return true
    }
    #expect(done.sum == 4 * 100_000)
  }

  @Test func streamsAreCheckedForTheMost() throws {
    let auto = try Reading(members: #""rng": "slatec", "replicates": "auto", "max_replicates": 9000"#)
    #expect(
      auto.faults == [
        "t:1: rng: generator 'slatec' has 8 different streams and this run needs 11; choose another generator or fewer replicates"
      ])
    #expect(try Reading(members: #""rng": "slatec", "replicates": "auto", "max_replicates": 3000"#).faults == [])
  }

  @Test func defaults() throws {
    let spec = try Reading(members: #""replicates": "auto""#).spec
    #expect(spec.rule == StoppingRule(relativeError: 0.01, maximum: 1_000_000))
    #expect(try Reading(members: #""replicates": 500"#).spec.rule == .fixed(500))
    #expect(try Reading(members: "").spec.rule == .fixed(10_000))
  }
}
