import ExperimentRunner
import Foundation
import GradientEstimation
import Optimization
import Randomness
import Testing

/// Kind `evaluation`, and `evidence` of kind `training`.
@Suite struct EvidenceEvaluationTests {
  private func evaluate(_ members: String, threads: Int = 2) async throws -> EvaluationResults {
    let reading = try Reading(members: members, kind: "evaluation")
    let plan = try #require(reading.plan, "\(reading.faults)")
    return try await EvidenceEvaluation.run(plan, reading.spec, threads: threads) { _ in true }
  }

  private func files(_ outcome: some ExperimentOutcome) -> [String: String] {
    Dictionary(uniqueKeysWithValues: outcome.files.filter { $0.name != "timing.csv" }.map { ($0.name, $0.text) })
  }

  private static let linear =
    #""model": {"id": "linear-vae", "options": {"data": "iris", "standardize": true, "test_share": 0.2}}, "data": 20, "#
    + #""samples": [100, 400], "estimators": ["lower-bound", "importance-sampling", {"id": "annealed-importance-sampling", "options": {"temperatures": 50}}, "reciprocal"]"#

  @Test func threadsChangeNoByte() async throws {
    let one = files(try await evaluate(Self.linear, threads: 1))
    #expect(one.keys.sorted() == ["evidence.csv", "units.csv"])
    #expect(files(try await evaluate(Self.linear, threads: 2)) == one)
    // 2 K × 4 estimators × 2 parts, and 2 parts × 2 latents, which K does not change.
    #expect(one["evidence.csv"]?.split(separator: "\n").count == 17)
    #expect(one["units.csv"]?.split(separator: "\n").count == 5)
  }

  /// A chunk is 16 data: 20 are two, put together in order. The mean of what is exact is that of the data one by one.
  @Test func meansAreOfTheFirstData() async throws {
    let results = try await evaluate(Self.linear)
    let judged = try #require(results.cells.last), cell = results.plan.cells[judged.cell]
    #expect(cell.samples == 400 && results.isComplete && results.failures.isEmpty)
    let model = try #require(cell.problem.model as? any LocalLatentModel)
    for evidence in judged.evidence {
      #expect(evidence.estimates.count == 20)
      var x = [Double](repeating: 0, count: 4 * 20), span = x.mutableSpan
      var random = try cell.streams("unused", seed: 1).stream(0)
      model.storeObservations(of: evidence.part, (0..<20).map { Int32($0) }, random: &random, into: &span)
      let exact = (0..<20).map { n in model.datum((0..<4).map { x[$0 * 20 + n] }).logEvidence ?? .nan }
      #expect(evidence.exact.map { $0 ?? .nan } == exact)
      let value = try #require(evidence.exactValue), mcse = try #require(evidence.mcse)
      #expect(abs(value - exact.reduce(0, +) / 20) < 1e-12)
      let text = results.spec.evidence.estimators[evidence.estimator].text
      if text == "lower-bound" {
        #expect(evidence.value < value && evidence.largestParetoShape == nil)
      } else if text == "reciprocal" || text.hasPrefix("annealed") {
        // Of 40 comparisons at most one beyond 4 standard errors in 400 suites; both are near normal here.
        #expect(
          abs(evidence.value - value) < 4 * mcse, "\(text), \(evidence.part): \(evidence.value), \(value), \(mcse)")
        #expect((evidence.coverage ?? 0) > 0.6 && (evidence.acceptance ?? 0) > 0.4)
      }
      var squares = 0.0
      for (estimate, exact) in zip(evidence.estimates, exact) {
        squares += (estimate.value - exact) * (estimate.value - exact)
      }
      let error = try #require(evidence.rootMeanSquaredError)
      #expect(abs(error - (squares / 20).squareRoot()) < 1e-12)
    }
  }

  /// A model of one z repeats its estimates; where it is at the posterior every weight is p(x).
  @Test func repetitionsOfOneDatum() async throws {
    let results = try await evaluate(
      #""model": "gaussian", "at": ["prior", "posterior"], "data": 40, "samples": 200, "estimators": ["importance-sampling"]"#
    )
    #expect(results.cells.count == 2 && results.cells.allSatisfy { $0.units.isEmpty })
    let prior = results.cells[0].evidence[0], posterior = results.cells[1].evidence[0]
    let exact = try #require(prior.exactValue)
    #expect(prior.estimates.count == 40 && Set(prior.estimates.map(\.value)).count == 40)
    #expect(abs(prior.value - exact) < 5 * (prior.mcse ?? 0))
    #expect(posterior.estimates.allSatisfy { abs($0.value - exact) < 1e-12 })
  }

  private static let faults = [
    (#""estimators": ["score"]"#, "t:1: estimators[0]: unknown evidence estimator 'score'; known: "),
    (#""estimators": "reciprocal""#, "t:1: estimators: expects an array, found "),
    (#""estimators": ["reciprocal"], "data": 0"#, "t:1: data: expects an integer from 1 to 1000000, found 0"),
    (#""estimators": ["reciprocal"], "replicates": 100"#, "t:1: replicates: belongs to experiments of kind 'variance'"),
    (#""estimators": ["reciprocal"], "objective": "elbo""#, "t:1: objective: belongs to experiments of kind "),
    (
      #""estimators": ["reciprocal"], "model": "ising", "family": "bernoulli""#,
      "t:1: estimators[0]: reciprocal needs real z and ∇_z log p(x, z)"
    ),
    (
      #""estimators": ["reciprocal"], "model": {"id": "gaussian", "options": {"dimension": 10}}, "samples": 5"#,
      "t:1: estimators[0]: reciprocal fits a normal to K draws, and needs 12"
    ),
    (#""estimators": ["lower-bound"], "model": "cosine""#, "t:1: "),
  ]

  @Test(arguments: faults.indices) func saysWhatIsWrong(_ index: Int) throws {
    let (members, line) = Self.faults[index]
    let reading = try Reading(members: members, kind: "evaluation")
    #expect(reading.faults.count == 1 && reading.faults[0].hasPrefix(line), "\(reading.faults)")
  }

  // MARK: Along a training

  private static let judged =
    ModelTrainingTests.small
    + #""algorithm": ["aevb", "wake-sleep", "mcem"], "outputs": {"epochs": []}, "estimators": ["analytic-kl"], "#
    + #""evidence": {"estimators": ["importance-sampling", "reciprocal"], "samples": 50, "data": 5, "epochs": [1, 3]}"#

  private func train(
    _ members: String, threads: Int, checkpoints: CheckpointStore? = nil,
    goOn: @escaping @Sendable (Int) -> Bool = { _ in true }
  ) async throws -> ModelTrainingResults {
    let reading = try Reading(members: members, kind: "training")
    let plan = try #require(reading.plan, "\(reading.faults)")
    return try await ModelTraining.run(plan, reading.spec, threads: threads, checkpoints: checkpoints, goOn: goOn)
  }

  @Test func alongATraining() async throws {
    let one = files(try await train(Self.judged, threads: 1))
    #expect(one.keys.sorted() == ["evidence.csv", "parameters.csv", "training.csv", "units.csv"])
    #expect(files(try await train(Self.judged, threads: 2)) == one)
    let rows = (one["evidence.csv"] ?? "").split(separator: "\n")
    // 2 runs × 2 epochs × 2 parts × (2 algorithms of a q with two estimators, and Monte Carlo EM with one).
    #expect(rows.count == 41)
    let mcem = rows.filter { $0.contains(",mcem,") }
    #expect(mcem.count == 8)
    #expect(mcem.allSatisfy { $0.contains("reciprocal") })
    // Bounds of an algorithm without q are not known.
    let training = (one["training.csv"] ?? "").split(separator: "\n").filter { $0.contains(",mcem,") }
    #expect(!training.isEmpty)
    #expect(training.allSatisfy { $0.contains(",,,,,,,") })
  }

  /// Of a model of one z svi has a q, coordinate ascent and points have none that draws are made of.
  @Test func modelsOfOneDatum() async throws {
    let results = try await train(
      #""model": "conjugate-regression", "algorithm": ["cavi", "svi", "map"], "epochs": 20, "estimators": ["stl"], "evidence": {"estimators": ["importance-sampling"], "data": 2, "samples": 10}"#,
      threads: 2)
    let judged = results.trainings.map { $0.evidence.flatMap(\.evidence).count }
    #expect(judged == [0, 1, 0])
  }

  /// What is cut short while log p(x) is estimated goes on to the same bytes.
  @Test func interruptedEvidenceGoesOn() async throws {
    let directory = FileManager.default.temporaryDirectory.appending(path: "workbench-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: directory) }
    let store = CheckpointStore(beside: directory.path + "/r", identity: "this")
    let whole = files(try await train(Self.judged, threads: 1)), count = ModelTrainingTests.Counter()
    // The first training asks 13 times before its evidence, and then once a chunk.
    let cut = try await train(Self.judged, threads: 1, checkpoints: store) { _ in count.add(1) < 15 }
    let first = try #require(cut.trainings.first)
    #expect(!cut.isComplete && first.status == .interrupted)
    #expect(first.points.last?.epoch == 3)
    let resumed = try await train(Self.judged, threads: 2, checkpoints: store)
    #expect(resumed.isComplete && files(resumed) == whole)
  }

  /// An estimator that cannot serve the model is a fault before anything is trained.
  @Test func impossibleEvidence() throws {
    let reading = try Reading(
      members: ModelTrainingTests.small
        + #""estimators": ["analytic-kl"], "evidence": {"estimators": ["importance-sampling", "reciprocal"], "samples": [3, 50]}"#,
      kind: "training")
    let wanted = "t:1: evidence.estimators[1]: reciprocal fits a normal to K draws, and needs 4 of them or more in 2 dimensions"
    #expect(reading.faults == [wanted])
    let none = try Reading(
      members: ModelTrainingTests.small + #""estimators": ["analytic-kl"], "evidence": {"data": 5}"#, kind: "training")
    #expect(none.faults == ["t:1: evidence.estimators: is missing"])
  }

  /// What no algorithm takes is not to be given, and what fits one model alone is left out of the others.
  @Test func ingredients() throws {
    let none = try Reading(
      #"{"name": "t", "kind": "training", "model": "linear-vae", "algorithm": "em", "samples": 5, "learning_rate": 1, "estimators": ["stl"]}"#
    )
    let wanted = ["estimators", "learning_rate", "samples"].map {
      "t:1: \($0): has no effect: 'em' takes none; leave it out"
    }
    #expect(none.faults.sorted() == wanted)
    let both = try Reading(
      #"{"name": "t", "kind": "training", "model": ["linear-vae", "ising"], "algorithm": ["em", "cavi"]}"#)
    let plan = try #require(both.plan, "\(both.faults)")
    #expect(plan.cells.map(\.algorithms) == [[0], [1]] && plan.notes.count == 2)
    let neither = try Reading(#"{"name": "t", "kind": "training", "model": "gaussian", "algorithm": ["em", "cavi"]}"#)
    #expect(neither.faults.count == 2 && neither.faults.allSatisfy { $0.contains("is none of these") })
  }
}
