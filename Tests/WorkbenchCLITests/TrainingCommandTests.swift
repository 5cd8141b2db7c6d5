import Foundation
import Testing

/// Experiments of kind `training`, by the tool.
@Suite struct TrainingCommandTests {
  /// A spec with these options of `vae` from line 5 on, one a line.
  private func training(_ options: [String], optimizer: String = "adam", rate: String = "0.01", more: String = "")
    -> String
  {
    """
    {"name": "t", "kind": "training", "epochs": 2, "runs": 1, "estimators": ["analytic-kl"],
    "optimizer": {"id": "\(optimizer)", "options": {"learning_rate": \(rate)}},\(more)
    "model": {"id": "vae", "options": {
    "hidden": "3", "latent": "2",
    \(options.joined(separator: ",\n"))}}}

    """
  }

  static let iris = [#""data": "iris", "standardize": true"#, #""likelihood": "shared-normal""#, #""minibatch": 60"#]

  @Test func resultsAreListedAndTheSameAgain() throws {
    let sandbox = try Sandbox()
    try sandbox.write(training(Self.iris, more: #" "save_parameters": [2],"#), to: "t.json")
    for (out, threads) in [("a", "1"), ("b", "2")] {
      let outcome = try sandbox.run("run", "t.json", "--out", out, "--threads", threads)
      #expect(outcome.status == 0 && outcome.errors == "wrote \(out)/\n", "\(outcome)")
    }
    let files = [
      "imputation.csv", "latent.csv", "manifest.json", "manifold.csv", "parameters.csv", "reconstruction.csv",
      "samples.csv", "timing.csv", "training.csv",
    ]
    #expect(sandbox.names(in: "a") == files)
    for file in files where file != "manifest.json" && file != "timing.csv" {
      #expect(try sandbox.text(of: "a/\(file)") == sandbox.text(of: "b/\(file)"), "\(file)")
    }
    // No checkpoints stay behind.
    #expect(!sandbox.names().contains { $0.contains("checkpoint") })
    let latent = rows(try sandbox.text(of: "a/latent.csv"))
    // 30 of 150 test, two coordinates each.
    #expect(latent.count == 60 && latent.allSatisfy { (Double($0["sd"] ?? "") ?? 0) > 0 })
    #expect(Set(latent.map { $0["label"] ?? "" }).isSubset(of: ["0", "1", "2"]))
    #expect(rows(try sandbox.text(of: "a/manifold.csv")).count == 400)
  }

  @Test func divergenceIsAFailure() throws {
    let sandbox = try Sandbox()
    try sandbox.write(training(Self.iris, optimizer: "sgd", rate: "1e300"), to: "t.json")
    let outcome = try sandbox.run("run", "t.json", "--out", "a")
    #expect(outcome.status == 1 && outcome.errors.contains("every training diverged"), "\(outcome)")
    #expect(rows(try sandbox.text(of: "a/training.csv")).last?["status"] == "diverged")
  }

  @Test func pathsThatDoNotExist() throws {
    for (options, line) in [
      ([#""data": "no.csv""#], "t.json:5: model.options.data: no.csv: no such file"),
      (
        [#""likelihood": "normal""#, #""data": "iris""#, #""test_data": "no.csv""#],
        "t.json:7: model.options.test_data: no.csv: no such file"
      ), ([#""data": ".""#], "t.json:5: model.options.data: .: it is a directory"),
    ] {
      for command in ["validate", "run"] {
        let sandbox = try Sandbox()
        try sandbox.write(training(options), to: "t.json")
        let outcome = try sandbox.run(command, "t.json")
        #expect(outcome == .refusal(65, [line]), "\(command): \(outcome)")
      }
    }
  }

  /// What to bring, and where to, in one line.
  @Test func mnistIsTheUsersToBring() throws {
    let sandbox = try Sandbox()
    let url = Sandbox.package.appendingPathComponent("Experiments/mnist-aevb.json")
    let outcome = try sandbox.run("run", url.path)
    #expect(outcome.status == 65 && outcome.output.isEmpty)
    let lines = outcome.errors.split(separator: "\n")
    #expect(lines.count == 1)
    #expect(
      outcome.errors.contains(
        "model.options.data: train-images-idx3-ubyte.gz: no such file; bring MNIST's four files, train- and t10k-, images-idx3-ubyte.gz and labels-idx1-ubyte.gz, to /"
      ), "\(outcome)")
  }
}
