import Foundation
import Testing

/// `workbench elbo`, and `run` on experiments of kind `elbo`, as a user meets them.
@Suite struct ElboCommandTests {
  static let files = ["band.csv", "elbo.csv", "manifest.json", "ranking.csv", "timing.csv"]
  static let short = ["--steps", "20", "--runs", "2", "--evaluate", "10", "--evaluation-draws", "50"]

  @Test func everyOptionHasADefault() throws {
    let outcome = try Sandbox().run("elbo", "--estimator", "reparam")
    #expect(outcome.status == 0 && outcome.errors.isEmpty)
    #expect(
      outcome.output.hasPrefix(
        """
        gaussian · mean-field-normal · elbo · iid
        from initial, K = 1 draw a step, 1000 steps, 5 runs, mt19937, seed 1
        log p(x) = -1.51551212; the greatest ELBO -1.5155121, |∇| 
        """.trimmingCharacters(in: .whitespaces)))
    #expect(outcome.output.contains("reparam ends highest."))
  }

  /// A control variate that is learned from past steps: for a quadratic f nothing is left of the noise, and Adam arrives.
  @Test func controlVariatesAreLearnedOnTheWay() throws {
    let outcome = try Sandbox().run(
      [
        "elbo", "--estimator", "reparam", "reparam:control_variate=quadratic", "--model",
        "gaussian:dimension=3,correlation=0.6", "--family", "full-rank-normal", "--samples", "10", "--learning-rate",
        "0.05", "--steps", "600", "--runs", "1", "--evaluate", "600", "--evaluation-draws", "50", "--format", "csv",
      ])
    try #require(outcome.status == 0, "\(outcome.errors)")
    let gaps = try rows(outcome.output).filter { $0["step"] == "600" }.map {
      try #require($0["gap"].flatMap(Double.init))
    }
    try #require(gaps.count == 2)
    #expect(gaps[0] > 1e-3 && abs(gaps[1]) < 1e-9, "\(gaps)")
  }

  @Test func csvIsTheFile() throws {
    let sandbox = try Sandbox()
    let arguments = ["elbo", "--estimator", "score", "reparam", "--format", "csv", "--out", "d"] + Self.short
    let outcome = try sandbox.run(arguments)
    #expect(outcome.status == 0 && sandbox.names(in: "d") == Self.files)
    #expect(try sandbox.text(of: "d/elbo.csv") == outcome.output)
    #expect(
      outcome.output.hasPrefix(
        "model,family,objective,sampling,estimator,optimizer,samples,run,step,elbo,elbo_mcse,exact_elbo,log_evidence,gap,evaluations,gradient_evaluations,status\n"
      ))
    let table = rows(outcome.output)
    #expect(table.count == 2 * 2 * 3)
    #expect(table.map { $0["status"] } == (0..<4).flatMap { _ in ["running", "running", "finished"] })
    #expect(
      table[2]["evaluations"] == "20" && table[2]["gradient_evaluations"] == "0"
        && table[11]["gradient_evaluations"] == "20")
    // Without --out the same goes to standard output alone.
    let again = try sandbox.run(arguments.filter { $0 != "--out" && $0 != "d" })
    #expect(again.output == outcome.output)
  }

  @Test func jsonHasTheSameRows() throws {
    let sandbox = try Sandbox()
    let csv = rows(try sandbox.run(["elbo", "--estimator", "reparam", "--format", "csv"] + Self.short).output)
    let json = try sandbox.run(["elbo", "--estimator", "reparam", "--format", "json"] + Self.short).output
    let objects = try #require(try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [[String: Any]])
    #expect(objects.count == csv.count && objects.count == 6)
    // Foundation reads a number to its last digit but one.
    for (object, row) in zip(objects, csv) {
      let (x, y) = (try #require(object["elbo"] as? Double), try #require(Double(row["elbo"] ?? "")))
      #expect(abs(x - y) <= 4 * y.ulp)
    }
    #expect(objects.allSatisfy { $0["run"] is Int && $0["status"] is String })
  }

  @Test func aGridOfLearningRatesMarksEachBest() throws {
    let sandbox = try Sandbox()
    let outcome = try sandbox.run(
      "elbo", "--estimator", "score", "reparam", "--optimizer", "adam", "sgd:momentum=0.5", "--learning-rate", "0.001",
      "0.02", "--steps", "200", "--runs", "3", "--out", "d")
    #expect(outcome.status == 0)
    let ranking = rows(try sandbox.text(of: "d/ranking.csv")).filter { $0["compared_at"] == "steps" }
    #expect(
      ranking.map { $0["optimizer"] }.prefix(4) == [
        "adam:learning_rate=0.001", "adam:learning_rate=0.02", "sgd:learning_rate=0.001,momentum=0.5",
        "sgd:learning_rate=0.02,momentum=0.5",
      ])
    for estimator in ["score", "reparam"] {
      let own = ranking.filter { $0["estimator"] == estimator }
      #expect(own.count == 4 && own.count { $0["best_of_estimator"] == "yes" } == 1)
      let best = own.max { (Double($0["elbo"] ?? "") ?? -1e9) < (Double($1["elbo"] ?? "") ?? -1e9) }
      #expect(best?["best_of_estimator"] == "yes")
    }
    #expect(ranking.count { $0["behind"] == "" } == 1)
  }

  /// λ that a run saved is where `variance` measures: the same exact gradient as at the values themselves.
  @Test func savedParametersArePoints() throws {
    let sandbox = try Sandbox()
    let trained = try sandbox.run(
      [
        "elbo", "--estimator", "reparam", "--model", "gaussian:dimension=2", "--save-parameters", "0", "20", "--out",
        "d",
      ]
        + Self.short)
    #expect(trained.status == 0 && sandbox.names(in: "d") == (Self.files + ["parameters.csv"]).sorted())
    let saved = rows(try sandbox.text(of: "d/parameters.csv")).filter { $0["step"] == "20" && $0["run"] == "2" }
    let values = saved.compactMap { $0["value"] }
    #expect(saved.map { ($0["block"] ?? "") + ($0["index"] ?? "") } == ["mean0", "mean1", "log_scale0", "log_scale1"])
    func exact(_ point: String) throws -> [String] {
      let outcome = try sandbox.run(
        "variance", "--estimator", "exact", "--model", "gaussian:dimension=2", "--at", point, "--format", "csv",
        "--replicates", "100")
      #expect(outcome.status == 0, "\(outcome.errors)")
      return rows(outcome.output).compactMap { $0["exact_gradient_norm"] }
    }
    let byFile = try exact("file=d/parameters.csv,run=2")
    #expect(byFile == (try exact("mean=\(values[0])x\(values[1]),log_scale=\(values[2])x\(values[3])")))
    #expect(byFile != (try exact("file=d/parameters.csv,run=1")) && byFile.count == 3)
  }

  static let refusals: [([String], String)] = [
    (["--learning-rate", "0"], "--learning-rate: expects a number above 0, found '0'"),
    (
      ["--learning-rate", "0.1", "0.10"],
      "--learning-rate: 'adam:learning_rate=0.1' is given already, in this or another spelling; keep one"
    ),
    (["--optimizer", "adm"], "--optimizer: unknown optimizer 'adm'; did you mean 'adam'?"),
    (
      ["--optimizer", "adam:beta1=1"],
      "--optimizer: option 'beta1' of 'adam' expects a number from 0 to 0.999999, found '1'"
    ),
    (
      ["--optimizer", "sgd:decay=0.5"],
      "--optimizer: option 'decay': has no effect with schedule=constant; it belongs to 'step'"
    ),
    (
      ["--optimizer", "sgd:learning_rate=1", "--learning-rate", "2"],
      "--learning-rate: 'sgd:learning_rate=1' sets a learning rate of its own: keep one of the two"
    ),
    (["--steps", "0"], "--steps: expects an integer from 1 to 100000000, found '0'"),
    (["--runs", "x"], "--runs: expects an integer from 1 to 10000, found 'x'"),
    (["--evaluate", "0"], "--evaluate: expects an integer from 1 to 100000000, found '0'"),
    (["--evaluation-draws", "1"], "--evaluation-draws: expects an integer from 2 to 10000000, found '1'"),
    (
      ["--save-parameters", "1001", "--out", "d"],
      "--save-parameters: step 1001 is beyond the run, which has 1000 steps"
    ),
    (["--stop-relative-change", "-1"], "--stop-relative-change: expects a number above 0, found '-1'"),
    (["--at", "nowhere"], "--at: unknown point 'nowhere'; 'gaussian' has initial, optimum, posterior, prior"),
  ]

  @Test(arguments: refusals) func isRefused(_ arguments: [String], line: String) throws {
    let sandbox = try Sandbox()
    // A value that begins with a hyphen is written with '='.
    let joined = arguments.count == 2 && arguments[1].hasPrefix("-") ? [arguments[0] + "=" + arguments[1]] : arguments
    #expect(try sandbox.run(["elbo", "--estimator", "reparam"] + joined) == .refusal(65, [line]))
    #expect(sandbox.names() == [])
  }

  static let misuses: [([String], String)] = [
    ([], "--estimator: name at least one estimator, or 'all'"),
    (
      ["--estimator", "reparam", "--stop-window", "3"],
      "--stop-window: belongs to --stop-relative-change, which is missing"
    ),
    (
      ["--estimator", "reparam", "--save-parameters", "3"],
      "--save-parameters: add --out DIR, where they are to be written"
    ),
  ]

  @Test(arguments: misuses) func isMisuse(_ arguments: [String], line: String) throws {
    let outcome = try Sandbox().run(["elbo"] + arguments)
    #expect(outcome.status == 64 && outcome.errors.hasPrefix("Error: \(line)") || outcome.errors.hasPrefix(line))
    #expect(outcome.errors.split(separator: "\n").count == 1)
  }

  func experiment(_ members: String) -> String {
    #"{"name": "t", "kind": "elbo", "estimators": ["reparam"], "steps": 20, "runs": 2, \#(members)}"#
  }

  @Test func runWritesAndShows() throws {
    let sandbox = try Sandbox()
    try sandbox.write(experiment(#""question": "Where to?", "save_parameters": [20]"#), to: "t.json")
    #expect(try sandbox.run("validate", "t.json").output == "t.json: valid; 1 cell, 1 entry\n")
    let outcome = try sandbox.run("run", "t.json")
    #expect(outcome.status == 0 && outcome.errors == "wrote results/t/\n")
    #expect(outcome.output.hasPrefix("Where to?\n\ngaussian · "))
    #expect(sandbox.names(in: "results/t") == (Self.files + ["parameters.csv"]).sorted())
    let manifest = try sandbox.object(of: "results/t/manifest.json")
    #expect(manifest["state"] as? String == "done" && manifest["steps"] as? Int == 20)
    // A directory of one kind may be replaced by another's.
    try sandbox.write(spec(#""replicates": 100"#), to: "v.json")
    #expect(try sandbox.run("run", "v.json", "--out", "results/t").status == 0)
    #expect(sandbox.names(in: "results/t") == ResultFilesTests.files)
  }

  /// What had begun is shown and written beside the directory, which stays as it was.
  @Test func interruptionKeepsWhatIsFinished() throws {
    let sandbox = try Sandbox()
    let before = try sandbox.run(["elbo", "--estimator", "reparam", "--out", "d"] + Self.short)
    #expect(before.status == 0)
    let earlier = try sandbox.text(of: "d/elbo.csv")
    let running = try sandbox.start([
      "elbo", "--estimator", "reparam", "--steps", "100000000", "--evaluate", "1000", "--runs", "3", "--threads", "1",
      "--out", "d",
    ])
    let deadline = Date().addingTimeInterval(30)
    while !sandbox.names().contains(where: { $0.contains(".partial-") }), Date() < deadline {
      Thread.sleep(forTimeInterval: 0.05)
    }
    Thread.sleep(forTimeInterval: 0.5)
    running.process.interrupt()
    let outcome = try running.end()
    #expect(outcome.status == 130 && outcome.output.contains("i1"))
    #expect(
      outcome.errors.hasPrefix("interrupted; what was done by then is in ")
        && outcome.errors.hasSuffix("d.interrupted/\n"))
    #expect(try sandbox.text(of: "d/elbo.csv") == earlier)
    let kept = rows(try sandbox.text(of: "d.interrupted/elbo.csv"))
    #expect(kept.last?["status"] == "interrupted" && kept.count > 1 && kept[0]["status"] == "running")
    #expect(try sandbox.object(of: "d.interrupted/manifest.json")["state"] as? String == "interrupted")
    #expect(!sandbox.names().contains { $0.contains(".partial-") })
  }
}
