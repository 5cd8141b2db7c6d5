import ExperimentRunner
import GradientEstimation
import Randomness
import Testing

@Suite struct PlanTests {
  @Test func theExampleOfTheDesignIsValidAsWritten() throws {
    let reading = try Reading(
      """
      { "$schema": "./schema.json", "name": "breast-cancer-variance", "kind": "variance",
        "question": "Which estimator has the least variance at the start and at the optimum?",
        "references": ["mohamed2020"], "seed": 1, "rng": "mt19937",
        "model": {"id": "logistic-regression", "options": {"data": "breast-cancer"}}, "family": "mean-field-normal",
        "objective": "elbo", "sampling": "iid", "at": ["initial", "optimum"], "samples": [1, 10], "replicates": 10000,
        "estimators": ["score", {"id": "score", "options": {"baseline": "leave-one-out"}}, "reparam", "analytic-kl"] }
      """)
    #expect(reading.faults == [])
    let plan = try #require(reading.plan)
    #expect(plan.cells.map { "\($0.point) \($0.samples)" } == ["initial 1", "initial 10", "optimum 1", "optimum 10"])
    #expect(plan.cells[0].entries.map(\.text) == ["score", "reparam", "analytic-kl"])
    #expect(plan.cells[1].entries.map(\.text) == ["score", "score:baseline=leave-one-out", "reparam", "analytic-kl"])
    #expect(plan.notes == ["score:baseline=leave-one-out is left out where samples are too few for it"])
    #expect(plan.cells[1].entries.map(\.cost) == [10, 10, 20, 20])
  }

  @Test func defaults() throws {
    let plan = try #require(try Reading(members: "").plan)
    #expect(plan.cells.count == 1)
    let cell = plan.cells[0]
    #expect(
      [cell.model, cell.family, cell.objective, cell.sampling, cell.point, cell.generator.name]
        == ["gaussian", "mean-field-normal", "elbo", "iid", "initial", "mt19937"])
    #expect(cell.samples == 1 && cell.parameters == [0, 0])
    #expect(try Reading(members: #""model": "cosine""#).plan?.cells[0].objective == "expectation")
    let spec = try Reading(members: "").spec
    #expect(spec.seed == 1 && spec.replicates == 10_000)
  }

  @Test func theProduct() throws {
    let plan = try #require(
      try Reading(
        members:
          #""model": ["gaussian", "linear"], "rng": ["taus", "mt19937"], "at": ["initial", "mean=1"], "samples": [2, 3]"#
      ).plan)
    #expect(plan.cells.count == 16)
    #expect(Set(plan.cells.map { $0.text + $0.generator.name }).count == 16)
    #expect(plan.cells[0].text == "gaussian mean-field-normal elbo iid at=initial samples=2")
  }

  static let three = #""model": {"id": "gaussian", "options": {"dimension": 3}}, "#

  @Test(arguments: [
    (#"{"mean": 0.5}"#, "mean=0.5", [0.5, 0.5, 0.5, 0, 0, 0]),
    (#"{"log_scale": [1, 2, 3]}"#, "log_scale=1x2x3", [0, 0, 0, 1, 2, 3]),
    (#"{"log_scale": [1, 1, 1.0], "mean": [-1, 2e0, 0.25]}"#, "mean=-1x2x0.25,log_scale=1", [-1, 2, 0.25, 1, 1, 1]),
    (#""log_scale=-1,mean=1x2x3""#, "mean=1x2x3,log_scale=-1", [1, 2, 3, -1, -1, -1]),
    (#""prior""#, "prior", [0, 0, 0, 0, 0, 0]),
  ])
  func points(_ json: String, text: String, parameters: [Double]) throws {
    let reading = try Reading(members: Self.three + #""at": \#(json)"#)
    #expect(reading.faults == [])
    #expect(reading.plan?.cells.map(\.point) == [text])
    #expect(reading.plan?.cells.map(\.parameters) == [parameters])
  }

  @Test(arguments: [
    (#"{"mean": [1, 2]}"#, "block 'mean' has 3 coordinates, and is given 2 numbers"),
    (#"{"logscale": 1}"#, "unknown block 'logscale'; the family has mean, log_scale; did you mean 'log_scale'?"),
    (#"{"scale_tril": 1}"#, "unknown block 'scale_tril'; the family has mean, log_scale"),
    (#""posteror""#, "unknown point 'posteror'; did you mean 'posterior'?"),
    (#""nowhere""#, "unknown point 'nowhere'; 'gaussian:dimension=3' has initial, optimum, posterior, prior"),
    (#""mean=1,mean=2""#, "block 'mean' is given twice"),
    (#"{"mean": 1e999}"#, "at.mean|expects a number or a list of numbers, found 1e999"),
    (#"{"mean": true}"#, "at.mean|expects a number or a list of numbers, found true"),
  ])
  func badPoints(_ json: String, message: String) throws {
    let parts = message.split(separator: "|")
    let path = parts.count == 2 ? parts[0] : "at"
    #expect(try Reading(members: Self.three + #""at": \#(json)"#).faults == ["t:1: \(path): \(parts.last ?? "")"])
  }

  @Test func theOptimumIsTheOptimum() throws {
    let plan = try #require(
      try Reading(members: #""at": ["optimum", "posterior"], "model": {"id": "gaussian", "options": {"x": 3}}"#).plan)
    for (found, known) in zip(plan.cells[0].parameters, plan.cells[1].parameters) {
      #expect(abs(found - known) < 1e-7)
    }
    // One search serves all K and generators.
    let several = try Reading(
      members:
        #""at": ["optimum", "initial"], "samples": [1, 2], "rng": ["taus", "mt19937"], "model": {"id": "gaussian", "options": {"x": 3}}"#
    )
    let optima = try #require(several.plan).cells.map(\.optimum)
    #expect(optima.count == 8 && Set(optima).count == 2 && optima[4...].allSatisfy { $0 == nil })
    let optimum = try #require(plan.cells[0].optimum), exact = try #require(plan.cells[0].exact)
    #expect(optimum == optima[0] && plan.cells[1].optimum == nil)
    #expect(optimum.parameters == plan.cells[0].parameters && optimum.value == exact.value)
    #expect(optimum.gradientNorm == exact.gradient.reduce(0) { $0 + $1 * $1 }.squareRoot())
    for slope in try #require(plan.cells[0].exact).gradient { #expect(abs(slope) < 1e-6) }
  }

  @Test func limits() throws {
    let limit = #""samples": 40, "model": {"id": "gaussian", "options": {"dimension": 100000}}"#
    #expect(try Reading(members: limit).faults == [])
    #expect(
      try Reading(members: limit.replacing("40", with: "41")).faults
        == ["t:1: samples: 41 draws of dimension 100000 exceed the limit of 4000000 numbers an estimate"])
  }

  @Test func canonicalFormsThatCoincideAreOne() throws {
    let entropy = #"{"id": "reparam", "options": {"kl": "entropy"}}"#
    #expect(try Reading(members: #""estimators": [\#(entropy)]"#).plan?.cells[0].entries.map(\.text) == ["reparam"])
    #expect(try Reading(members: #""estimators": ["reparam", \#(entropy)]"#).faults.count == 1)
  }

  @Test func nothingThatFitsIsAFault() throws {
    let reading = try Reading(options: [
      ("estimators", ["all"]), ("model", ["quadratic"]), ("objective", ["elbo"]),
    ])
    #expect(reading.plan == nil && reading.faults.count == 1)
  }

  @Test func allThatFits() throws {
    let reading = try Reading(options: [("estimators", ["all"]), ("samples", ["1", "2"])])
    let texts = try #require(reading.plan).estimators.map { canonical($0) }
    #expect(
      texts == [
        "score", "score:baseline=mean", "score:baseline=moving-average", "score:baseline=leave-one-out",
        "score:baseline=optimal", "nvil", "nvil:normalize=false", "reparam", "analytic-kl", "stl", "bonnet-price",
        "measure-valued",
        "measure-valued:coupling=false", "finite-differences", "spsa", "exact",
      ])
  }

  private func canonical<E: GradientEstimator>(_ estimator: E) -> String { canonicalText(estimator) }
}
