import Foundation
import Testing

/// `workbench evaluate`.
@Suite struct EvaluateCommandTests {
  @Test func estimatesAreHeldToWhatIsExact() throws {
    let sandbox = try Sandbox()
    let outcome = try sandbox.run(
      "evaluate", "--estimator", "lower-bound", "reciprocal", "--model", "linear-vae", "--samples", "100", "--data",
      "5", "--out", "e")
    #expect(outcome.status == 0 && outcome.errors.isEmpty, "\(outcome)")
    #expect(outcome.output.contains("linear-vae · mean-field-normal") && outcome.output.contains("active units"))
    #expect(sandbox.names(in: "e") == ["evidence.csv", "manifest.json", "timing.csv", "units.csv"])
    let lines = try sandbox.text(of: "e/evidence.csv").split(separator: "\n")
    #expect(
      lines.first
        == "model,family,point,seed,generator,part,evidence_estimator,evidence_samples,data,log_evidence,mcse,exact,rmse,coverage,k_hat_max,untrusted_share,acceptance,evaluations,gradient_evaluations"
    )
    #expect(lines.count == 3)
    // The same rows, without a table.
    let csv = try sandbox.run(
      "evaluate", "--estimator", "lower-bound", "reciprocal", "--model", "linear-vae", "--samples", "100", "--data",
      "5", "--format", "csv", "--threads", "1")
    #expect(try csv.output == sandbox.text(of: "e/evidence.csv"))
  }

  /// θ and φ of a training are a point; of an algorithm without q, θ alone is, for estimators without one.
  @Test func afterATraining() throws {
    let sandbox = try Sandbox()
    try sandbox.write(
      """
      {"name": "t", "kind": "training", "epochs": 20, "save_parameters": [20], "outputs": {"epochs": []},
      "model": {"id": "linear-vae", "options": {"data": "iris"}}, "algorithm": ["em", "aevb"], "estimators": ["stl"]}

      """, to: "t.json")
    #expect(try sandbox.run("run", "t.json", "--out", "r").status == 0)
    func evaluate(_ estimator: String, _ algorithm: String) throws -> Outcome {
      try sandbox.run(
        "evaluate", "--estimator", estimator, "--model", "linear-vae", "--samples", "50", "--data", "3", "--at",
        "file=r/parameters.csv,algorithm=\(algorithm)", "--format", "csv")
    }
    for (estimator, algorithm) in [("reciprocal", "em"), ("reciprocal", "aevb"), ("lower-bound", "aevb")] {
      let outcome = try evaluate(estimator, algorithm)
      #expect(outcome.status == 0 && outcome.output.split(separator: "\n").count == 2, "\(outcome)")
    }
    let lacking = try evaluate("lower-bound", "em")
    #expect(lacking.status == 65 && lacking.errors.contains("r/parameters.csv holds no block 'encoder_weights_1'"))
    let both = try sandbox.run(
      "evaluate", "--estimator", "reciprocal", "--model", "linear-vae", "--at", "file=r/parameters.csv")
    #expect(both.status == 65 && both.errors.contains("holds more than one algorithm: add algorithm=…, of em, aevb"))
  }

  @Test func whatIsMissingIsSaid() throws {
    let none = try Sandbox().run("evaluate")
    #expect(none.status == 64 && none.errors.contains("--estimator: name at least one estimator of log p(x)"))
    let unknown = try Sandbox().run("evaluate", "--estimator", "reciproca")
    #expect(unknown.status == 65 && unknown.errors.contains("did you mean 'reciprocal'?"))
    let dry = try Sandbox().run("evaluate", "--estimator", "importance-sampling", "--dry-run")
    #expect(dry.status == 0 && dry.output.contains("Nothing was measured or written."))
  }
}
