import ExperimentRunner
import Foundation
import GradientEstimation
import Optimization
import Synchronization
import Testing

@Suite struct ModelTrainingTests {
  static let small =
    #""model": {"id": "vae", "options": {"data": "iris", "standardize": true, "likelihood": "shared-normal", "latent": "2", "hidden": "3", "minibatch": 50}}, "#
    + #""epochs": 3, "runs": 2, "save_parameters": [0, 3], "optimizer": "adam", "learning_rate": 0.01, "#

  func train(
    _ members: String, threads: Int = 2, checkpoints: CheckpointStore? = nil,
    goOn: @escaping @Sendable (Int) -> Bool = { _ in true }
  ) async throws -> ModelTrainingResults {
    let reading = try Reading(members: members, kind: "training")
    let plan = try #require(reading.plan, "\(reading.faults)")
    return try await ModelTraining.run(plan, reading.spec, threads: threads, checkpoints: checkpoints, goOn: goOn)
  }

  /// All files but the one of times.
  func files(_ results: ModelTrainingResults) -> [String: String] {
    Dictionary(uniqueKeysWithValues: results.files.filter { $0.name != "timing.csv" }.map { ($0.name, $0.text) })
  }

  static let estimators = #""estimators": ["analytic-kl", {"id": "score", "options": {"baseline": "moving-average"}}]"#

  @Test func threadsChangeNoByte() async throws {
    let one = files(try await train(Self.small + Self.estimators, threads: 1))
    #expect(
      one.keys.sorted() == [
        "imputation.csv", "latent.csv", "manifold.csv", "parameters.csv", "reconstruction.csv", "samples.csv",
        "training.csv",
      ])
    #expect(files(try await train(Self.small + Self.estimators, threads: 2)) == one)
    // 2 estimators × 2 runs × (1 + 3 epochs of 3 steps).
    let lines = (one["training.csv"] ?? "").split(separator: "\n").count
    #expect(lines == 41)
  }

  @Test func picturesMayBeLeftOut() async throws {
    let none = files(try await train(Self.small + #""outputs": {"epochs": []}, "# + Self.estimators))
    #expect(none.keys.sorted() == ["parameters.csv", "training.csv"])
  }

  /// Data are 120 of 150 rows: minibatches of 50, 50 and 20.
  @Test func rowsCountDataAndCost() async throws {
    let results = try await train(Self.small + Self.estimators)
    let rows = ModelTrainingFiles.trainingRows(results).map { $0.map(\.csv) }
    let columns = ModelTrainingFiles.trainingColumns
    func column(_ name: String) throws -> [String] {
      let index = try #require(columns.firstIndex(of: name))
      return rows[..<10].map { $0[index] }
    }
    #expect(try column("data_seen") == ["0", "50", "100", "120", "170", "220", "240", "290", "340", "360"])
    #expect(try column("epoch") == ["0", "1", "1", "1", "2", "2", "2", "3", "3", "3"])
    let stepped = try column("minibatch_bound").map { !$0.isEmpty }, first = [false] + [Bool](repeating: true, count: 9)
    #expect(stepped == first)
    let tested = try column("test_bound").map { !$0.isEmpty }, due = (0..<10).map { $0 % 3 == 0 }
    #expect(tested == due)
    let statuses = try column("status"), expected = [String](repeating: "running", count: 9) + ["finished"]
    #expect(statuses == expected)
  }

  @Test func whatWasInterruptedGoesOnToTheSameBytes() async throws {
    let directory = FileManager.default.temporaryDirectory.appending(path: "workbench-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: directory) }
    let path = directory.path + "/r", store = CheckpointStore(beside: path, identity: "this")
    let members = Self.small + Self.estimators, whole = files(try await train(members))
    // It asks before a training, before each step, and after each epoch: one training is over after 13 times, and the
    // second has ended in its second epoch.
    let count = Counter()
    let cut = try await train(members, threads: 1, checkpoints: store) { _ in count.add(1) < 20 }
    #expect(!cut.isComplete)
    #expect(FileManager.default.fileExists(atPath: path + ".checkpoints"))
    // Of another spec: begun anew.
    let other = try await train(members, checkpoints: CheckpointStore(beside: path + "2", identity: "this"))
    #expect(other.trainings.allSatisfy { $0.resumedFrom == nil })
    let stranger = try await train(
      members, checkpoints: CheckpointStore(beside: path, identity: "that")
    ) { _ in false }
    #expect(stranger.trainings.allSatisfy { $0.resumedFrom == nil })
    let resumed = try await train(members, checkpoints: store)
    #expect(resumed.isComplete && resumed.trainings.contains { $0.resumedFrom != nil } && !resumed.notes.isEmpty)
    #expect(files(resumed) == whole)
    store.clear()
    #expect(!FileManager.default.fileExists(atPath: path + ".checkpoints"))
  }

  @Test func otherSpecsHaveOtherIdentities() throws {
    func identity(_ members: String) throws -> String {
      let reading = try Reading(members: members, kind: "training")
      return ModelTraining.identity(try #require(reading.plan, "\(reading.faults)"), reading.spec)
    }
    let mine = try identity(Self.small + Self.estimators)
    #expect(try identity(Self.small + Self.estimators) == mine)
    for (old, new) in [("0.01", "0.02"), (#""runs": 2"#, #""runs": 3"#), (#""hidden": "3""#, #""hidden": "4""#)] {
      #expect(try identity(Self.small.replacingOccurrences(of: old, with: new) + Self.estimators) != mine)
    }
  }

  @Test func aTrainingThatDivergesSaysSo() async throws {
    let results = try await train(
      Self.small.replacingOccurrences(
        of: #""optimizer": "adam", "learning_rate": 0.01"#, with: #""optimizer": "sgd", "learning_rate": 1e300"#)
        + Self.estimators)
    #expect(results.trainings.allSatisfy { $0.status == .diverged })
    #expect(results.failures.count == 1 && results.failures[0].hasSuffix(": every training diverged"))
    let last = ModelTrainingFiles.trainingRows(results).map { $0.map(\.csv) }.last?.last
    #expect(last == "diverged")
  }

  /// Wrong keys, each with its line.
  static let faults = [
    (#""epochs": "x""#, "t:1: epochs: expects an integer from 1 to 1000000, found the text 'x'"),
    (#""epochs": 0"#, "t:1: epochs: expects an integer from 1 to 1000000, found 0"),
    (#""epochs": 5, "save_parameters": [6]"#, "t:1: save_parameters[0]: epoch 6 is beyond the run, which has 5 epochs"),
    (
      #""epochs": 5, "outputs": {"epochs": [9]}"#,
      "t:1: outputs.epochs[0]: epoch 9 is beyond the run, which has 5 epochs"
    ),
    (#""save_parameters": []"#, "t:1: save_parameters: is empty: name at least one epoch"),
    (#""outputs": 3"#, "t:1: outputs: expects an object, found a number"),
    (#""outputs": {"manifold": -1}"#, "t:1: outputs.manifold: expects an integer from 0 to 1000, found -1"),
    (#""outputs": {"manifld": 1}"#, "t:1: outputs.manifld: unknown key 'manifld'; did you mean 'manifold'?"),
    (#""evaluate": {"every": 0}"#, "t:1: evaluate.every: expects an integer from 1 to 1000000, found 0"),
    (#""evaluate": {"evry": 1}"#, "t:1: evaluate.evry: unknown key 'evry'; did you mean 'every'?"),
    (
      #""optimizer": {"id": "adam", "options": {"average_from": 3}}"#,
      "t:1: optimizer.options.average_from: has no effect in kind 'training'; leave it out"
    ),
    (
      #""rng": ["mt19937", "xoshiro256x8"]"#,
      "t:1: rng: names 2 generators; kind 'training' takes one, since training.csv does not name it"
    ),
  ]

  @Test(arguments: faults)
  func faultsOfKeys(_ member: String, _ line: String) throws {
    let reading = try Reading(members: #""model": "vae", \#(member), "estimators": ["analytic-kl"]"#, kind: "training")
    #expect(reading.faults == [line])
  }

  /// Keys of other kinds, and models that are none of data.
  @Test func otherKindsKeysAndModels() throws {
    for key in [#""steps": 5"#, #""replicates": 100"#, #""at": "initial""#, #""epoch": 3"#] {
      let reading = try Reading(members: #""model": "vae", \#(key), "estimators": ["analytic-kl"]"#, kind: "training")
      let name = key.split(separator: "\"").first.map(String.init) ?? ""
      #expect(reading.faults.count == 1 && reading.faults[0].hasPrefix("t:1: \(name): "), "\(reading.faults)")
    }
    let reading = try Reading(members: #""model": "gaussian", "estimators": ["reparam"]"#, kind: "training")
    #expect(
      reading.faults.count == 1 && reading.faults[0].hasPrefix("t:1: model: 'aevb' needs a model of data"),
      "\(reading.faults)")
  }

  final class Counter: Sendable {
    private let total = Atomic<Int>(0)
    func add(_ count: Int) -> Int { total.wrappingAdd(count, ordering: .relaxed).newValue }
  }
}
