import ExperimentRunner
import Foundation
import GradientEstimation
import Optimization
import Synchronization
import Testing

@Suite struct TrainingTests {
  static let learning = #"{"id": "score", "options": {"baseline": "moving-average"}}"#
  static let leaveOneOut = #"{"id": "score", "options": {"baseline": "leave-one-out"}}"#

  /// Runs a spec of kind `elbo` with these members.
  func train(
    _ members: String, threads: Int = 2, goOn: @escaping @Sendable (Int) -> Bool = { _ in true }
  ) async throws -> TrainingResults {
    let reading = try Reading(members: members, kind: "elbo")
    let plan = try #require(reading.plan, "\(reading.faults)")
    return try await Training.run(plan, reading.spec, threads: threads, goOn: goOn)
  }

  func text(_ results: TrainingResults) -> [String] {
    [
      CSVFiles.text(CurveFiles.elboColumns, CurveFiles.elboRows(results)),
      CSVFiles.text(CurveFiles.bandColumns, CurveFiles.bandRows(results)),
      CSVFiles.text(CurveFiles.rankingColumns, CurveFiles.rankingRows(results)),
      CSVFiles.text(CurveFiles.parameterColumns, CurveFiles.parameterRows(results)),
    ]
  }

  static let small = #""steps": 40, "evaluate": {"every": 20, "draws": 300}, "save_parameters": [0, 40], "#

  @Test func threadsChangeNoByte() async throws {
    let members =
      Self.small + #""model": ["gaussian", {"id": "logistic-regression", "options": {"minibatch": 20}}], "#
      + #""samples": [2, 3], "learning_rate": [0.01, 0.1], "runs": 3, "#
      + #""estimators": ["reparam", \#(Self.learning), \#(Self.leaveOneOut)]"#
    let one = text(try await train(members, threads: 1))
    for threads in [2, 5] { #expect(text(try await train(members, threads: threads)) == one) }
    // 4 cells × 3 estimators × 2 rates × 3 runs × 3 rows; two saved steps of 2 or of 62 parameters.
    let counts = one.map { $0.split(separator: "\n").count - 1 }
    let saved = 18 * 2 * 2 * (2 + 62)
    #expect(counts == [216, 72, 48, saved])
  }

  /// The rows of `elbo.csv` of one estimator and optimizer on `gaussian` with K = 2, for the first runs.
  func rows(_ results: TrainingResults, _ estimator: String, _ optimizer: String, runs: Int) -> [[String]] {
    let all = CurveFiles.elboRows(results).map { $0.map(\.csv) }
    return all.filter { row in
      guard row[0] == "gaussian", row[4] == estimator, row[5] == optimizer, row[6] == "2" else { return false }
      return (Int(row[7]) ?? 0) <= runs
    }
  }

  @Test func othersChangeNoDigit() async throws {
    let alone = try await train(
      Self.small + #""samples": 2, "runs": 1, "optimizer": "sgd", "estimators": [\#(Self.learning)]"#)
    let among = try await train(
      Self.small
        + #""model": ["linear", "gaussian"], "samples": [3, 2], "runs": 4, "optimizer": ["adam", "sgd"], "#
        + #""estimators": ["exact", "reparam", \#(Self.learning)]"#)
    let mine = rows(alone, "score:baseline=moving-average", "sgd", runs: 1)
    #expect(mine.count == 3 && mine == rows(among, "score:baseline=moving-average", "sgd", runs: 1))
    let runs = rows(among, "score:baseline=moving-average", "sgd", runs: 4)
    #expect(Set(runs.filter { $0[8] == "40" }.map { $0[9] }).count == 4, "runs differ")
  }

  /// Every model of the registry, two estimators, every optimizer; from a narrow q, since under N(0, I) the likelihood of
  /// a Poisson regression is log-normal, and no standard error of 400 draws means anything.
  @Test func exactBoundsLieInTheBandOfTheEstimates() async throws {
    let registry = try Reading.registry()
    let elsewhere = [
      "gamma-poisson": "gamma", "log": "gamma", "dirichlet-multinomial": "dirichlet", "binary-latent": "bernoulli",
      "bernoulli-toy": "bernoulli", "gaussian-mixture": "categorical", "sigmoid-belief-network": "bernoulli",
      "ising": "bernoulli", "mixture": "categorical",
    ]
    var compared = 0
    for id in registry.models.entries.map(\.about.id) {
      let place = elsewhere[id].map { #""family": "\#($0)", "at": "initial""# } ?? #""at": {"log_scale": -2}"#
      // Of a model of data with a latent each, one datum's.
      let hasData = registry.models[id]?.entry.about.options.contains { $0.name == "amortised" } ?? false
      let model = hasData ? #"{"id": "\#(id)", "options": {"datum": 1}}"# : #""\#(id)""#
      let results = try await train(
        #""model": \#(model), \#(place), "steps": 60, "evaluate": {"every": 6, "draws": 400}, "samples": 5, "runs": 1, "#
          + #""optimizer": ["sgd", "adagrad", "rmsprop", "adam"], "learning_rate": 0.0001, "#
          + #""estimators": [\#(place.contains("bernoulli") || place.contains("categorical") ? #""score""# : #""reparam""#), \#(Self.leaveOneOut)]"#
      )
      for measured in results.curves {
        for point in measured.curve.points where point.exact != nil {
          let value = try #require(point.value), exact = try #require(point.exact), error = try #require(point.mcse)
          // About 1000 comparisons at 10⁻⁴ each would fail one time in ten; at 10⁻⁶ (4.9) one time in a thousand.
          #expect(abs(value - exact) <= 4.9 * error + 1e-12 * abs(exact), "\(id) \(measured) step \(point.step)")
          compared += 1
        }
      }
    }
    #expect(compared >= 6 * 2 * 4 * 11)
  }

  @Test func costsAccumulate() async throws {
    let results = try await train(
      Self.small + #""model": {"id": "logistic-regression", "options": {"minibatch": 57}}, "samples": 5, "#
        + #""runs": 1, "estimators": ["score", "reparam"]"#)
    let rows = CurveFiles.elboRows(results).map { $0.map(\.csv) }
    let share = 57.0 / 569
    let values: [Double] = [0, 100 * share, 200 * share, 0, 0, 0],
      gradients: [Double] = [0, 0, 0, 0, 100 * share, 200 * share]
    #expect(rows.count == 6)
    for (index, row) in rows.enumerated() {
      #expect(abs((Double(row[14]) ?? -1) - values[index]) < 1e-9)
      #expect(abs((Double(row[15]) ?? -1) - gradients[index]) < 1e-9)
    }
  }

  @Test func gapsAreToTheEvidence() async throws {
    let results = try await train(Self.small + #""estimators": ["exact"], "runs": 1, "optimizer": "sgd""#)
    let first = try #require(CurveFiles.elboRows(results).first).map(\.csv)
    // TRUTHS: at the prior the ELBO is −1.918938533, log p(x) = −1.515512123.
    #expect(abs((Double(first[11]) ?? 0) + 1.918938533) < 1e-9 && abs((Double(first[12]) ?? 0) + 1.515512123) < 1e-9)
    #expect(abs((Double(first[13]) ?? 0) - 0.403426410) < 1e-9)
    let logistic = try await train(
      Self.small + #""model": "logistic-regression", "estimators": ["reparam"], "runs": 1"#)
    #expect(try #require(CurveFiles.elboRows(logistic).first)[12...13].map(\.csv) == ["", ""])
  }

  @Test func interruptionKeepsWhatHadBegun() async throws {
    let count = Counter()
    let results = try await train(
      #""steps": 1000, "runs": 4, "estimators": ["reparam"]"#, threads: 1
    ) { count.add($0) < 1500 }
    #expect(!results.isComplete && results.curves.count == 2)
    #expect(results.curves.map(\.curve.status) == [.finished, .interrupted])
    let whole = try await train(#""steps": 1000, "runs": 4, "estimators": ["reparam"]"#)
    #expect(whole.isComplete && whole.curves[0].curve.points == results.curves[0].curve.points)
    let cut = results.curves[1].curve.points.dropLast()
    #expect(cut.count > 2 && Array(whole.curves[1].curve.points[..<cut.count]) == Array(cut))
  }

  /// A run that is lost at its first step has none to time.
  @Test func aForecastOfARunThatIsLostAtOnce() throws {
    let reading = try Reading(members: #""at": {"log_scale": 400}, "estimators": ["reparam"]"#, kind: "elbo")
    let plan = try #require(reading.plan)
    let forecast = try #require(try Trial.forecast(plan, reading.spec, threads: 1).first)
    #expect(forecast.count == 5000 && forecast.entries.map(\.gradientEvaluations) == [5000])
    #expect(forecast.seconds?.isFinite ?? false)
  }

  final class Counter: Sendable {
    private let total = Atomic<Int>(0)
    func add(_ steps: Int) -> Int { total.wrappingAdd(steps, ordering: .relaxed).newValue }
  }
}
