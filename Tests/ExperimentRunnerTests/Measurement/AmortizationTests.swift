import EstimatorStatistics
import ExperimentRunner
import Foundation
import GradientEstimation
import Testing

/// Kind `variance` on models of data with a latent variable each: a replicate is one minibatch's gradient in φ and θ.
@Suite struct AmortizationTests {
  private static let linear =
    #""model": {"id": "linear-vae", "options": {"data": "iris", "standardize": true, "latent": 2, "minibatch": 30}}"#
  private static let bits =
    #""model": {"id": "vae", "options": {"data": "iris", "prior": "bernoulli", "latent": 2, "hidden": 3, "#
    + #""likelihood": "normal", "test_share": 0.5, "minibatch": 15}}, "family": "bernoulli""#

  private func measure(_ members: String, threads: Int = 2) async throws -> ExperimentResults {
    let reading = try Reading(members: members)
    let plan = try #require(reading.plan, "\(reading.faults)")
    return try await Experiment.run(plan, reading.spec, threads: threads) { _ in true }
  }

  /// Against the gradient of all data in closed form, pulled back to φ datum by datum, and that in θ; of bits by going
  /// through them. The family-wise level over 11 + 10 estimators and θ is 3·10⁻³.
  @Test(arguments: [
    (
      linear + #", "samples": 2"#,
      #""score", {"id": "score", "options": {"baseline": "leave-one-out"}}, {"id": "score", "options": {"baseline": "mean"}}, "#
        + #"{"id": "nvil", "options": {"normalize": false}}, "reparam", "analytic-kl", "stl", "bonnet-price", "#
        + #""measure-valued", {"id": "measure-valued", "options": {"coupling": false}}, "exact""#
    ),
    (
      bits,
      #""score", {"id": "score", "options": {"baseline": "mean"}}, {"id": "nvil", "options": {"normalize": false}}, "arm", "#
        + #""disarm", "muprop", "local-expectation", "rebar", "relax", "exact""#
    ),
  ])
  func gradientsAreUnbiased(_ model: String, _ estimators: String) async throws {
    let results = try await measure(model + #", "replicates": 4000, "estimators": [\#(estimators)]"#)
    let cell = try #require(results.cells.first)
    for entry in cell.entries {
      let bias = try #require(entry.all?.bias, "no exact gradient")
      #expect(bias.p > 1e-4, "\(entry.entry.text): p = \(bias.p)")
      #expect((entry.all?.variance ?? 0) > 0)
      #expect(entry.nonfinite == 0)
    }
    let model = try #require(cell.model?.all)
    #expect(try #require(model.bias).p > 1e-4)
    #expect((model.exactNorm ?? 0) > 0)
  }

  /// Of all data in every minibatch `exact` is the exact gradient; of some of them it has no variance but theirs, which every
  /// estimator has as well.
  @Test(arguments: [linear, bits]) func exactHasTheVarianceOfMinibatchesAlone(_ model: String) async throws {
    let estimators = #", "replicates": 1000, "estimators": ["exact", "score"]"#
    let some = try #require(try await measure(model + estimators).cells.first)
    let variances = try some.entries.map { try #require($0.all).variance }
    #expect(variances[0] > 0 && variances[0] < variances[1])
    let all = model.replacingOccurrences(of: #""minibatch": 15"#, with: #""minibatch": 75"#)
      .replacingOccurrences(of: #""minibatch": 30"#, with: #""minibatch": 150"#)
    let whole = try #require(try await measure(all + estimators).cells.first), gradient = whole.entries[0]
    let norm = try #require(gradient.all?.exactNorm)
    #expect(norm > 0.1)
    #expect(try #require(gradient.all).variance < 1e-24 * norm * norm)
  }

  /// Where a datum's is not known, or is a sum over too many states.
  @Test(arguments: [
    (
      #""model": "vae""#,
      "exact the exact gradient of a datum of this model is not known under this family and objective"
    ),
    (
      #""model": {"id": "vae", "options": {"prior": "bernoulli", "latent": "11", "hidden": "2"}}, "family": "bernoulli""#,
      "exact the exact gradient of a datum goes through all states of its z, and 1024 are the most"
    ),
  ])
  func exactIsRefusedWhereItIsNotKnown(_ members: String, _ message: String) throws {
    let faults = try Reading(members: members + #", "estimators": ["exact"]"#).faults
    #expect(faults.count == 1)
    #expect(faults.first?.contains(message) ?? false, "\(faults)")
  }

  /// With data that are bits drawn anew, too.
  @Test func exactTakesDataThatAreDrawn() throws {
    let options = #"{"prior": "bernoulli", "latent": "2", "hidden": "2", "pixels": "dynamic"}"#
    let members = #""model": {"id": "vae", "options": \#(options)}, "family": "bernoulli", "estimators": ["exact"]"#
    let reading = try Reading(members: members)
    #expect(reading.plan != nil, "\(reading.faults)")
  }

  /// Ascent along the exact gradient raises the exact bound, which stays below log p(x).
  @Test func exactTrains() async throws {
    let reading = try Reading(
      members: Self.bits + #", "optimizer": "sgd", "learning_rate": 0.0001, "epochs": 20, "runs": 1, "#
        + #""estimators": ["exact"]"#, kind: "training")
    let plan = try #require(reading.plan, "\(reading.faults)")
    let trained = try await ModelTraining.run(plan, reading.spec, threads: 1, checkpoints: nil) { _ in true }
    let index = try #require(ModelTrainingFiles.trainingColumns.firstIndex(of: "exact_train_bound"))
    let evidence = try #require(ModelTrainingFiles.trainingColumns.firstIndex(of: "log_evidence"))
    let rows = ModelTrainingFiles.trainingRows(trained).map { $0.map(\.csv) }.filter { !$0[index].isEmpty }
    let bounds = rows.compactMap { Double($0[index]) }, known = rows.compactMap { Double($0[evidence]) }
    #expect(bounds.count > 1 && known.count == bounds.count)
    #expect(try #require(bounds.last) > bounds[0])
    #expect(zip(bounds, known).allSatisfy { $0 <= $1 + 1e-9 })
  }

  /// With all data in every minibatch the gradient has the draws' variance alone, and M of N add their own.
  @Test func minibatchesAddVariance() async throws {
    func variance(_ minibatch: Int) async throws -> Double {
      let model = Self.linear.replacingOccurrences(of: #""minibatch": 30"#, with: #""minibatch": \#(minibatch)"#)
      let results = try await measure(model + #", "replicates": 1000, "estimators": ["analytic-kl"]"#)
      return try #require(results.cells.first?.entries.first?.all?.variance)
    }
    let whole = try await variance(150), fifth = try await variance(30)
    #expect(fifth > 3 * whole)
  }

  @Test func threadsChangeNoByte() async throws {
    let members = Self.linear + #", "replicates": 3000, "estimators": ["reparam", "score"]"#
    func text(_ threads: Int) async throws -> String {
      let results = try await measure(members, threads: threads)
      return results.files.filter { $0.name != "timing.csv" }.map(\.text).joined()
    }
    #expect(try await text(1) == text(2))
  }

  /// What a training has saved is a point, and φ and θ are taken from there: at the maximum of the likelihood their exact
  /// gradients are far below those at the start.
  @Test func aTrainingsParametersAreAPoint() async throws {
    let training = try Reading(
      members: Self.linear
        + #", "optimizer": {"id": "adam", "options": {"learning_rate": 0.02, "schedule": "cosine"}}, "epochs": 1000, "#
        + #""evaluate": {"every": 500}, "save_parameters": [0, 1000], "estimators": ["stl"]"#, kind: "training")
    let plan = try #require(training.plan, "\(training.faults)")
    let trained = try await ModelTraining.run(plan, training.spec, threads: 1, checkpoints: nil) { _ in true }
    let path = NSTemporaryDirectory() + "parameters-\(UUID().uuidString).csv"
    defer { try? FileManager.default.removeItem(atPath: path) }
    let saved = try #require(trained.files.first { $0.name == "parameters.csv" })
    try saved.text.write(toFile: path, atomically: true, encoding: .utf8)

    let points =
      #", "at": ["initial", {"file": "\#(path)", "step": [0, 5000]}], "replicates": 100, "estimators": ["stl"]"#
    let reading = try Reading(members: Self.linear + points)
    let cells = try #require(reading.plan, "\(reading.faults)").cells
    let norms = cells.map { cell in (cell.exact?.gradient ?? []).reduce(0) { $0 + $1 * $1 }.squareRoot() }
    let inModel = cells.map { cell in (cell.exact?.modelGradient ?? []).reduce(0) { $0 + $1 * $1 }.squareRoot() }
    #expect(cells.count == 3)
    // Training starts where `initial` is.
    #expect(norms[0] > 1 && norms[0] == norms[1] && inModel[0] == inModel[1])
    #expect(norms[2] < 1e-2 * norms[0] && inModel[2] < 1e-2 * inModel[0])
  }

  @Test(arguments: [
    (#""at": "prior""#, "'prior' is no point of 'linear-vae"),
    (#""at": {"mean": 1}"#, "'mean=1' is no point of 'linear-vae"),
    (#""norm": "fisher""#, "norm: is for models of one λ; of this one every datum has its own: leave it out"),
    (#""diagnostics": true"#, "diagnostics: is for models of one λ"),
    (#""correlations": true"#, "correlations: is for models of one λ"),
  ])
  func whatIsNotServedIsRefused(_ members: String, _ message: String) throws {
    let faults = try Reading(members: Self.linear + ", " + members).faults
    #expect(faults.count == 1)
    #expect(faults.first?.contains(message) ?? false, "\(faults)")
  }
}
