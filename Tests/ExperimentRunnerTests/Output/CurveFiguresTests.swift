import EstimatorStatistics
import ExperimentRunner
import Optimization
import Testing

@Suite struct CurveFiguresTests {
  func train(_ members: String) async throws -> TrainingResults {
    let reading = try Reading(members: members, kind: "elbo")
    let plan = try #require(reading.plan, "\(reading.faults)")
    return try await Training.run(plan, reading.spec, threads: 2) { _ in true }
  }

  /// mean, sd, and Student's 97.5 % quantile with 3 degrees of freedom.
  func band(_ values: [Double]) -> (mean: Double, sd: Double, half: Double) {
    let mean = values.reduce(0, +) / 4
    let sd = (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 3).squareRoot()
    return (mean, sd, 3.182446305284263 * sd / 2)
  }

  @Test func bandsAreOverRuns() async throws {
    let results = try await train(
      #""steps": 50, "evaluate": 25, "runs": 4, "estimators": ["score", "reparam"], "samples": 2"#)
    let rows = CurveFiles.bandRows(results).map { $0.map(\.csv) }
    #expect(rows.map { $0[7] } == ["0", "25", "50", "0", "25", "50"])
    for (group, estimator) in ["score", "reparam"].enumerated() {
      let values = results.curves.filter { $0.entry == group }.compactMap { $0.curve.points.last?.exact }
      let expected = band(values), row = rows[3 * group + 2]
      #expect(row[4] == estimator && row[8] == "4" && row[9] == "0" && row[10] == "exact")
      let figures = row[11...16].compactMap { Double($0) }
      let wanted = [
        expected.mean, expected.mean - expected.half, expected.mean + expected.half, expected.sd, values.min() ?? 0,
        values.max() ?? 0,
      ]
      #expect(zip(figures, wanted).allSatisfy { abs($0 - $1) < 1e-9 } && figures.count == 6)
    }
  }

  @Test func ranksAtEqualStepsAndAtEqualWork() async throws {
    let results = try await train(
      #""model": "logistic-regression", "steps": 60, "evaluate": 10, "runs": 4, "samples": 4, "#
        + #""learning_rate": [0.0001, 0.03], "estimators": ["score", "reparam"]"#)
    let cell = try #require(results.cells.first)
    let cost = cell.ranking.map(\.group.costPerStep)
    #expect(cost == [4, 4, 8, 8])
    #expect(cell.ranking.map(\.end.step) == [60, 60, 60, 60])
    #expect(cell.ranking.map { $0.atWork?.step } == [60, 60, 30, 30])
    // Where the tiny rate has hardly moved the greater is the best of each estimator, and reparam of all.
    #expect(cell.ranking.map(\.end.isBestOfEstimator) == [false, true, false, true])
    #expect(cell.ranking.map(\.end.isBest) == [false, false, false, true])
    #expect(cell.ranking.map { $0.end.behind == nil } == [false, false, false, true])
    for row in cell.ranking.dropLast() {
      let behind = try #require(row.end.behind), best = cell.ranking[3].group.values(at: 60)
      let differences = zip(best, row.group.values(at: 60)).map { ($0 ?? .nan) - ($1 ?? .nan) }
      // The best is chosen by the same runs: six pairs could be looked at.
      let wanted = MeanInterval(differences, level: 1 - 0.05 / 6)
      #expect(behind == wanted && behind.count == 4)
    }
  }

  /// Nobody is looked at after more work than another: reparam, at twice the cost, can be looked at at 60 of the 68
  /// steps that it can afford, and so score is taken at 120 of its 137.
  @Test func equalWorkFavoursNoOne() async throws {
    let results = try await train(
      #""steps": 137, "evaluate": 20, "runs": 2, "estimators": ["score", "reparam"]"#)
    let ranking = try #require(results.cells.first).ranking
    #expect(ranking.map { $0.atWork?.step } == [120, 60] && ranking.map(\.end.step) == [137, 137])
    let rows = CurveFiles.rankingRows(results).map { $0.map(\.csv) }.filter { $0[7] == "work" }
    #expect(rows.map { $0[9] } == ["120", "0"] && rows.map { $0[10] } == ["0", "60"])
  }

  @Test func divergedRunsAreLeftOutAndRankLast() async throws {
    let results = try await train(
      #""steps": 100, "runs": 3, "optimizer": "sgd", "learning_rate": [1000, 1e-5], "estimators": ["reparam"]"#)
    let cell = try #require(results.cells.first)
    #expect(cell.ranking.map(\.end.diverged) == [3, 0])
    #expect(cell.ranking[0].end.value == nil && cell.ranking[0].end.behind == nil)
    #expect(cell.ranking.map(\.end.isBestOfEstimator) == [false, true])
    let last = CurveFiles.bandRows(results).map { $0.map(\.csv) }.filter { $0[5] == "sgd:learning_rate=1000" }.last
    #expect(last?[7] == "100" && last?[8] == "0" && last?[9] == "3" && last?[11] == "")
    #expect(CurveTable(results, isColored: false).rendered().contains("d3"))
  }

  /// Two of six runs are lost between the evaluations at 50 and 100. They count where they were evaluated, no step gets
  /// a row for their sake, and a curve that lost none ranks before the one whose other runs do better.
  @Test func aCurveThatLosesSomeRuns() async throws {
    let results = try await train(
      #""steps": 100, "evaluate": 50, "runs": 6, "estimators": ["reparam"], "#
        + #""optimizer": ["sgd", "adam"], "learning_rate": [1.2, 1e-9]"#)
    let group = try #require(results.groups.first)
    #expect(group.diverged(by: 100) == 2 && group.diverged(by: 0) == 0)
    let rows = CurveFiles.bandRows(results).map { $0.map(\.csv) }.filter { $0[5] == "sgd:learning_rate=1.2" }
    #expect(rows.map { $0[7] } == ["0", "50", "100"] && rows[0][8...9] == ["6", "0"] && rows[2][8...9] == ["4", "2"])
    let ranking = try #require(results.cells.first).ranking
    #expect(ranking.map(\.end.diverged) == [2, 0, 0, 0] && !ranking[0].end.isBestOfEstimator)
    #expect(ranking[0].end.value?.count == 4 && ranking[0].end.behind?.count == 4)
  }

  @Test func convergedRunsStayWhereTheyEnded() async throws {
    let results = try await train(
      #""steps": 5000, "evaluate": {"every": 10, "draws": 100}, "runs": 3, "learning_rate": 0.05, "samples": 8, "#
        + #""estimators": ["stl"], "stop": {"relative_change": 0.02}"#)
    let group = try #require(results.groups.first)
    #expect(results.curves.allSatisfy { $0.curve.status == .converged })
    let ends = results.curves.map { $0.curve.points.last?.exact }
    #expect(group.values(at: 5000) == ends && group.values(at: 0) != ends)
  }

  @Test func lowestIsBestWhereTheCostIsMinimised() async throws {
    let results = try await train(
      #""model": "quadratic", "at": {"mean": 3}, "steps": 50, "runs": 2, "optimizer": "sgd", "#
        + #""learning_rate": [1e-6, 0.05], "estimators": ["reparam"]"#)
    let ranking = try #require(results.cells.first).ranking
    #expect(ranking.map(\.end.isBestOfEstimator) == [false, true])
    #expect((ranking[0].end.behind?.mean ?? 0) > 5)
    #expect(CurveTable(results, isColored: false).rendered().contains("ends lowest"))
  }
}
