import ExperimentRunner
import Foundation
import Testing
import WorkbenchCLI

/// The schema says what the reader does, by the word of an independent validator.
@Suite struct SpecSchemaTests {
  func shipped(_ name: String) throws -> String {
    try String(contentsOf: packageRoot.appendingPathComponent("Experiments/\(name)"), encoding: .utf8)
  }

  @Test func theShippedSchemaIsTheRegistrys() throws {
    #expect(try shipped("schema.json") == SpecSchema.text(StandardRegistry.make()))
  }

  @Test func everyShippedExperimentObeysIt() throws {
    let directory = packageRoot.appendingPathComponent("Experiments").path
    let names = try FileManager.default.contentsOfDirectory(atPath: directory)
      .filter { $0.hasSuffix(".json") && $0 != "schema.json" }.sorted()
    let answers = try SchemaValidator().accepts(names.map(shipped), schema: shipped("schema.json"))
    for (name, answer) in zip(names, answers) { #expect(answer, "\(name)") }
    #expect(names.count >= 4)
  }

  static let valid = [
    #""replicates": "auto""#, #""relative_error": 1, "replicates": "auto", "max_replicates": 1e9"#,
    #""replicates": "auto", "relative_error": 1e-4"#, #""max_replicates": 100, "replicates": "auto""#,
    #""norm": "euclidean""#, #""norm": "fisher""#, #""diagnostics": true, "correlations": false"#,
    #""seed": 0"#, #""seed": 18446744073709551615"#, #""seed": 1e3"#, #""seed": 7.0"#, #""replicates": 1e4"#,
    #""rng": "taus""#, #""rng": ["taus", "mt19937"]"#, #""samples": 100000"#, #""samples": [1, 10]"#,
    #""samples": 2.0"#, #""at": "optimum""#, #""at": "mean=0.5,log_scale=-1""#, #""at": {"mean": 0.5}"#,
    #""at": ["prior", {"mean": [0.5], "log_scale": -1e-3}]"#, #""model": "cosine""#,
    #""model": {"id": "gaussian"}"#, #""model": {"id": "gaussian", "options": {}}"#,
    #""model": ["gaussian", {"id": "gaussian", "options": {"dimension": 2, "x": [1, 2.5], "noise": 0.5}}]"#,
    #""model": {"id": "gaussian", "options": {"x": 3}}"#, #""objective": "elbo""#, #""objective": ["elbo"]"#,
    #""model": {"id": "logistic-regression", "options": {"minibatch": 10, "intercept": false}}"#,
    #""model": {"id": "logistic-regression", "options": {"minibatch": "none"}}"#,
    #""model": {"id": "logistic-regression", "options": {"minibatch": null}}"#,
    #""family": "mean-field-normal", "sampling": ["iid"]"#, #""$schema": "x", "question": "", "references": []"#,
    #""estimators": ["pathwise", "analytic-kl", {"id": "score", "options": {"baseline": "moving-average", "decay": 0}}]"#,
    #""estimators": [{"id": "score", "options": {"rao_blackwell": true, "kl": "entropy"}}]"#,
  ]

  static let invalid = [
    #""seed": -1"#, #""seed": 18446744073709551616"#, #""seed": "1""#, #""seed": 1.5"#, #""seed": null"#,
    #""norm": "fishr""#, #""diagnostics": 1"#, #""correlations": "all""#, #""norm": 1"#, #""norm": ["fisher"]"#,
    #""replicates": "atuo""#, #""relative_error": 0.1"#,
    #""max_replicates": 1000"#,
    #""replicates": 100, "relative_error": 0.1"#, #""replicates": 100, "max_replicates": 1000"#,
    #""replicates": "auto", "relative_error": 0.00009"#, #""replicates": "auto", "relative_error": 1.1"#,
    #""replicates": "auto", "relative_error": "0.1""#, #""replicates": "auto", "max_replicates": 99"#,
    #""replicates": "auto", "max_replicates": "auto""#,
    #""replicates": 99"#, #""replicates": 1000000001"#, #""replicates": true"#, #""replicates": [100]"#,
    #""rng": "mt1993""#, #""rng": []"#, #""rng": ["taus", "taus"]"#, #""rng": 1"#, #""samples": 0"#,
    #""samples": []"#, #""samples": [1, 1]"#, #""samples": [1, 1.0]"#, #""samples": 1.5"#, #""samples": 100001"#,
    #""at": {}"#, #""at": []"#, #""at": 1"#, #""at": {"mean": "1"}"#, #""at": {"mean": []}"#,
    #""at": {"mean": [null]}"#,
    #""at": ["initial", "initial"]"#, #""model": "gausian""#, #""model": []"#, #""model": {"options": {}}"#,
    #""model": {"id": "gaussian", "options": []}"#, #""model": {"id": "gaussian", "extra": 1}"#,
    #""model": {"id": "gaussian", "options": {"dimension": 0}}"#,
    #""model": {"id": "gaussian", "options": {"dimension": 100001}}"#,
    #""model": {"id": "gaussian", "options": {"dimension": 1.5}}"#,
    #""model": {"id": "gaussian", "options": {"noise": 0}}"#, #""model": {"id": "gaussian", "options": {"x": []}}"#,
    #""model": {"id": "exp-quadratic", "options": {"k": 0}}"#,
    #""model": {"id": "gaussian", "options": {"nois": 1}}"#,
    #""model": {"id": "logistic-regression", "options": {"minibatch": 0}}"#,
    #""model": {"id": "logistic-regression", "options": {"minibatch": "all"}}"#,
    #""model": {"id": "logistic-regression", "options": {"standardize": 1}}"#,
    #""objective": "elb""#, #""family": 3"#, #""sampling": {}"#, #""question": 1"#, #""references": "a""#,
    #""references": [1]"#, #""unknown": 1"#, #""estimators": []"#, #""estimators": "score""#,
    #""estimators": ["score", "score"]"#, #""estimators": ["scor"]"#, #""estimators": [null]"#,
    #""estimators": ["score:baseline=mean"]"#, #""estimators": [{"id": "score", "options": {"baseline": "maen"}}]"#,
    #""estimators": [{"id": "analytic-kl", "options": {"kl": "entropy"}}]"#,
    #""estimators": [{"id": "score", "options": {"decay": 1}}]"#,
    #""estimators": [{"id": "stl", "options": {"x": 1}}]"#,
  ]

  /// Of kind `elbo`.
  static let validTraining = [
    #""optimizer": "adam""#, #""optimizer": ["sgd", {"id": "adam", "options": {"beta1": 0.5}}]"#, #""steps": 10"#,
    #""optimizer": {"id": "sgd", "options": {"schedule": "step", "decay": 0.5, "period": 10, "momentum": 0.9}}"#,
    #""learning_rate": [0.1, 1e-2]"#, #""learning_rate": 3"#, #""runs": 1"#, #""evaluate": 10"#, #""evaluate": {}"#,
    #""evaluate": {"every": 10, "draws": 100}"#, #""evaluate": {"draws": 2}"#, #""save_parameters": [0, 10, 1000]"#,
    #""save_parameters": 7"#, #""stop": {"relative_change": 0.01}"#, #""stop": {"relative_change": 1, "window": 3}"#,
    #""steps": 1, "stop": {"relative_change": 1, "window": 1}"#,
    #""rng": ["taus"], "at": ["prior"], "samples": [1, 4]"#,
  ]

  static let invalidTraining = [
    #""optimizer": "adm""#, #""optimizer": []"#, #""optimizer": {"id": "sgd", "options": {"learning_rate": 0}}"#,
    #""optimizer": {"id": "sgd", "options": {"momentum": 1}}"#, #""optimizer": ["adam", "adam"]"#,
    #""learning_rate": 0"#, #""learning_rate": []"#, #""learning_rate": [0.1, 0.1]"#, #""learning_rate": "0.1""#,
    #""steps": 0"#, #""steps": [10]"#, #""runs": 0"#, #""evaluate": 0"#, #""evaluate": {"draws": 1}"#,
    #""evaluate": {"evry": 1}"#, #""evaluate": "x""#, #""save_parameters": []"#, #""save_parameters": [1, 1]"#,
    #""save_parameters": -1"#, #""save_parameters": "all""#, #""stop": {}"#, #""stop": 0.1"#,
    #""stop": {"relative_change": 0}"#, #""stop": {"relative_change": 0.1, "window": 0}"#, #""replicates": 1000"#,
  ]

  /// Of kind `variance`, where they do not belong.
  static let misplaced = [
    #""optimizer": "adam""#, #""steps": 10"#, #""learning_rate": 0.1"#, #""runs": 2"#, #""evaluate": 10"#,
    #""save_parameters": 1"#, #""stop": {"relative_change": 0.01}"#,
  ]

  /// What no schema can say.
  static let knownToTheReaderAlone = [
    #""estimators": ["reparam", "pathwise"]"#, #""at": {"men": 1}"#, #""at": "posteror""#,
    #""model": {"id": "gaussian", "options": {"dimension": 2, "x": [1, 2, 3]}}"#,
    #""model": "cosine", "estimators": ["stl"]"#, #""seed": 1, "seed": 1"#,
    #""estimators": [{"id": "score", "options": {"baseline": "leave-one-out"}}]"#,
  ]

  static let knownToTheReaderOfTraining = [
    #""steps": 10, "save_parameters": [11]"#, #""steps": 10, "stop": {"relative_change": 0.1, "window": 6}"#,
    #""steps": 10, "optimizer": {"id": "sgd", "options": {"average_from": 11}}"#, #""rng": ["taus", "mt19937"]"#,
    #""at": ["prior", "posterior"]"#,
    #""optimizer": {"id": "sgd", "options": {"learning_rate": 1}}, "learning_rate": 2"#,
    #""optimizer": {"id": "sgd", "options": {"decay": 0.5}}"#,
    #""optimizer": {"id": "adam", "options": {"schedule": "cosine", "period": 5}}"#,
  ]

  func whole(_ members: String, kind: String = "variance") -> String {
    let estimators = members.contains(#""estimators""#) ? "" : #", "estimators": ["score"]"#
    return #"{"name": "t", "kind": "\#(kind)", \#(members)\#(estimators)}"#
  }

  @Test func acceptsAndRefusesWhatTheReaderDoes() throws {
    let others = [
      (#"{"kind": "variance", "estimators": ["score"]}"#, false), (#"{"name": "t", "estimators": ["score"]}"#, false),
      (#"{"name": "t", "kind": "variance"}"#, false), (#"{"name": "t", "kind": "x", "estimators": ["score"]}"#, false),
      (#"{"name": "../t", "kind": "variance", "estimators": ["score"]}"#, false),
      (#"{"name": "a b", "kind": "variance", "estimators": ["score"]}"#, false),
      (#"{"name": ".t", "kind": "variance", "estimators": ["score"]}"#, false),
      (#"{"name": "", "kind": "variance", "estimators": ["score"]}"#, false),
      (#"{"name": "A-1._z", "kind": "variance", "estimators": ["score"]}"#, true),
      (#"{"name": "\#(String(repeating: "a", count: 100))", "kind": "variance", "estimators": ["score"]}"#, true),
      (#"{"name": "\#(String(repeating: "a", count: 101))", "kind": "variance", "estimators": ["score"]}"#, false),
      ("[]", false), ("null", false),
    ]
    let cases =
      Self.valid.map { (whole($0), true) } + (Self.invalid + Self.misplaced).map { (whole($0), false) } + others
      + Self.validTraining.map { (whole($0, kind: "elbo"), true) }
      + Self.invalidTraining.map { (whole($0, kind: "elbo"), false) }
    let answers = try SchemaValidator().accepts(
      cases.map(\.0), schema: SpecSchema.text(StandardRegistry.make()))
    for ((text, isValid), answer) in zip(cases, answers) {
      #expect(answer == isValid, "the schema on \(text)")
      let faults = try Reading(text).faults
      #expect(faults.isEmpty == isValid, "the reader on \(text): \(faults)")
    }
  }

  @Test func theReaderKnowsMore() throws {
    let texts =
      Self.knownToTheReaderAlone.map { whole($0) } + Self.knownToTheReaderOfTraining.map { whole($0, kind: "elbo") }
    let answers = try SchemaValidator().accepts(texts, schema: SpecSchema.text(StandardRegistry.make()))
    for (text, answer) in zip(texts, answers) {
      #expect(answer, "the schema on \(text)")
      #expect(try Reading(text).faults.count == 1, "the reader on \(text)")
    }
  }
}
