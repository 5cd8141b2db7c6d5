import Foundation
import Testing

/// What `--out` and `run` leave on disk.
@Suite struct ResultFilesTests {
  static let files = [
    "comparison.csv", "coordinates.csv", "diagnostics.csv", "manifest.json", "timing.csv", "variance.csv",
  ]
  static let reproducible = ["comparison.csv", "coordinates.csv", "diagnostics.csv", "variance.csv"]

  /// The SHA-256 of a file, by a program that is not ours.
  func digest(_ sandbox: Sandbox, _ name: String) throws -> String {
    let programs = [["/usr/bin/sha256sum"], ["/sbin/sha256sum"], ["/usr/bin/shasum", "-a", "256"]]
    let program = try #require(programs.first { FileManager.default.isExecutableFile(atPath: $0[0]) })
    let outcome = try sandbox.run(program.dropFirst() + [name], executable: URL(fileURLWithPath: program[0]))
    return String(outcome.output.prefix { $0 != " " })
  }

  @Test func runWritesUnderTheNameOfTheSpec() throws {
    let sandbox = try Sandbox()
    try sandbox.write(spec(#""question": "Why?""#, #""replicates": 1000"#, #""seed": 5"#), to: "a.json")
    let outcome = try sandbox.run(
      "run", "a.json", environment: ["GSL_RNG_TYPE": "taus", "GSL_RNG_SEED": "nonsense"])
    #expect(outcome.status == 0 && outcome.errors == "wrote results/t/\n")
    #expect(outcome.output.hasPrefix("Why?\n\ngaussian · mean-field-normal · elbo · iid\nat initial, K = 1 draw"))
    #expect(sandbox.names(in: "results") == ["t"] + Self.files.map { "t/" + $0 })

    let manifest = try sandbox.object(of: "results/t/manifest.json")
    #expect(manifest["name"] as? String == "t")
    #expect(manifest["state"] as? String == "done")
    #expect(manifest["seed"] as? Int == 5)
    #expect(manifest["generators"] as? [String] == ["mt19937"])
    #expect(manifest["spec"] as? String == (try sandbox.text(of: "a.json")))
    #expect(manifest["spec_sha256"] as? String == (try digest(sandbox, "a.json")))
    let cells = try #require(manifest["cells"] as? [[String: Any]])
    #expect(cells.map { $0["state"] as? String } == ["done"])

    let variance = rows(try sandbox.text(of: "results/t/variance.csv"))
    #expect(variance.map { $0["block"] } == ["mean", "log_scale", "all"])
    #expect(variance.allSatisfy { $0["seed"] == "5" && $0["generator"] == "mt19937" })
    let coordinates = try sandbox.text(of: "results/t/coordinates.csv")
    #expect(
      coordinates.hasPrefix(
        "model,family,objective,sampling,estimator,point,samples,replicates,seed,generator,block,index,mean,mcse,exact,bias_z,variance,variance_ci_low,variance_ci_high\n"
      ))
    #expect(rows(coordinates).count == 2)
    #expect(
      try sandbox.text(of: "results/t/comparison.csv")
        == "model,family,objective,sampling,point,samples,replicates,seed,generator,block,estimator_a,estimator_b,ratio,ratio_ci_low,ratio_ci_high,work_ratio,verdict\n"
    )
  }

  /// Files that a user brings are inputs, with what they held; data sets that are shipped are none.
  @Test func inputsNameTheDataFiles() throws {
    let sandbox = try Sandbox()
    try sandbox.write("a,b,y\n1,2,0\n0.5,-1,1\n2,0.25,1\n-1,1,0\n", to: "own.csv")
    let wanted = try digest(sandbox, "own.csv")
    for (model, out, files) in [
      ("logistic-regression:data=own.csv", "one", ["own.csv"]),
      ("linear-vae:data=own.csv,labels=y,latent=1,minibatch=2", "two", ["own.csv"]), ("linear-regression", "three", []),
    ] {
      let outcome = try sandbox.run(
        "variance", "--estimator", "score", "--model", model, "--replicates", "100", "--out", out)
      #expect(outcome.status == 0, "\(outcome.errors)")
      let manifest = try sandbox.object(of: "\(out)/manifest.json")
      let inputs = try #require(manifest["inputs"] as? [[String: String]])
      #expect(inputs.map { $0["path"] } == files)
      #expect(inputs.allSatisfy { $0["sha256"] == wanted })
    }
  }

  /// `diagnostics.csv` has the rows of `variance.csv`.
  @Test func diagnosticsStandBesideVariances() throws {
    let sandbox = try Sandbox()
    let outcome = try sandbox.run(
      "variance", "--estimator", "score", "exact", "--samples", "1", "3", "--replicates", "1000", "--out", "d")
    #expect(outcome.status == 0)
    let text = try sandbox.text(of: "d/diagnostics.csv")
    #expect(
      text.hasPrefix(
        "model,family,objective,sampling,estimator,point,samples,replicates,seed,generator,block,norm,tail_size,tail_index,tail_index_se,tail_mark,optimal_variance,optimal_variance_ci_low,optimal_variance_ci_high,headroom,headroom_ci_low,headroom_ci_high,minibatch_variance,minibatch_variance_ci_low,minibatch_variance_ci_high,draw_variance,draw_variance_ci_low,draw_variance_ci_high,minibatch_share,minibatch_share_ci_low,minibatch_share_ci_high,adapting_variance,adapting_variance_ci_low,adapting_variance_ci_high\n"
      ))
    let diagnostics = rows(text), variances = rows(try sandbox.text(of: "d/variance.csv"))
    for key in ["estimator", "samples", "block", "replicates"] {
      #expect(diagnostics.map { $0[key] } == variances.map { $0[key] })
    }
    for row in diagnostics {
      if row["estimator"] == "exact" {
        #expect(row["tail_size"] == "" && row["tail_index"] == "" && row["tail_mark"] == "")
      } else {
        let index = try #require(Double(row["tail_index"] ?? "")),
          error = try #require(Double(row["tail_index_se"] ?? ""))
        #expect(row["tail_size"] == "94" && abs(error - (1 + index) / 94.0.squareRoot()) < 1e-12)
        #expect(row["tail_mark"] == (index < 0.25 ? "" : index < 0.5 ? "interval" : "variance"))
      }
    }
  }

  /// Rates of the order of e^z with z of scale 1: the draws of a few replicates are all of the variance.
  @Test func aHeavyTailIsWarnedOf() throws {
    let sandbox = try Sandbox()
    let outcome = try sandbox.run(
      "variance", "--estimator", "reparam", "--model", "poisson-regression", "--replicates", "2000", "--out", "d")
    let row = try #require(rows(try sandbox.text(of: "d/diagnostics.csv")).last)
    #expect(row["tail_mark"] == "variance" && row["tail_size"] == "134")
    #expect(
      outcome.output.contains(
        /\nreparam: by these replicates the gradient's tail has index k = 1\.[0-9]+ \(standard error 0\.[12]\), [a-z_]+: its variance may not exist, and then no figure here means anything\.\n/
      ))
  }

  /// A row for each pair of coordinates, and the leading eigenvalues.
  @Test func correlationsOnRequest() throws {
    let sandbox = try Sandbox()
    func run(_ threads: String, _ directory: String) throws -> Outcome {
      try sandbox.run(
        "variance", "--estimator", "reparam", "score", "exact", "--model", "linear-regression:minibatch=20",
        "--replicates",
        "3000", "--correlations", "--diagnostics", "--norm", "fisher", "--threads", threads, "--out", directory)
    }
    #expect(try run("1", "d").status == 0)
    let outcome = try run("2", "e")
    for name in ["correlations.csv", "eigenvalues.csv", "diagnostics.csv", "variance.csv"] {
      #expect(try sandbox.text(of: "d/\(name)") == sandbox.text(of: "e/\(name)"))
    }
    #expect(
      outcome.output.contains(
        /\nreparam: without the best multiple of the score .* of its variance comes from minibatches\.\n/))
    let pairs = rows(try sandbox.text(of: "d/correlations.csv"))
    // 22 parameters of two estimators; the exact gradient has no covariance.
    #expect(pairs.count == 2 * 22 * 21 / 2)
    #expect(pairs[0]["block_a"] == "mean" && pairs[0]["index_b"] == "1")
    #expect(pairs.allSatisfy { abs(Double($0["correlation"] ?? "") ?? 9) <= 1 })
    let values = rows(try sandbox.text(of: "d/eigenvalues.csv"))
    let variances = rows(try sandbox.text(of: "d/variance.csv")).filter { $0["block"] == "all" }
    #expect(values.count == 20)
    for (first, row) in [(0, 0), (10, 1)] {
      let value = try #require(Double(values[first]["eigenvalue"] ?? "")),
        share = try #require(Double(values[first]["share"] ?? ""))
      let variance = try #require(Double(variances[row]["variance"] ?? ""))
      #expect(abs(value / share / variance - 1) < 1e-10 && values[first]["rank"] == "1")
    }
    // Beside the limit, and without --correlations, there are none.
    #expect(
      try sandbox.run("variance", "--estimator", "score", "--model", "gaussian:dimension=101", "--correlations")
        == .refusal(65, ["--correlations: 202 parameters exceed the limit of 200"]))
  }

  @Test func severalFilesShareADirectory() throws {
    let sandbox = try Sandbox()
    try sandbox.write(spec(#""replicates": 100"#), to: "a.json")
    try sandbox.write(spec(#""replicates": 100"#).replacing("\"t\"", with: "\"u\""), to: "b.json")
    #expect(try sandbox.run("run", "a.json", "b.json", "--out", "d").errors == "wrote d/t/\nwrote d/u/\n")
    #expect(sandbox.names(in: "d/u") == Self.files)
    #expect(try sandbox.run("run", "a.json", "--out", "e").errors == "wrote e/\n")
    #expect(sandbox.names(in: "e") == Self.files)
  }

  /// Options of which each manifest's spec must say the same again.
  @Test(arguments: [
    "--estimator score reparam:kl=entropy analytic-kl --at prior log_scale=-1,mean=2 --samples 1 3",
    "--estimator all --model quadratic:k=-2,dimension=2 --at mean=1x2",
    "--estimator all --norm fisher --at mean=1,log_scale=-1",
    "--estimator reparam --correlations --diagnostics --model linear-regression:minibatch=20",
    "--estimator score reparam --replicates auto --relative-error 0.08 --max-replicates 40000 --at initial mean=1",
    "--estimator all --samples 1 4 --seed 18446744073709551615 --rng taus2",
    "--estimator score:rao_blackwell=true,baseline=optimal stl --model gaussian:dimension=2,x=0.1x-3,noise=1e-3",
    "--estimator score:decay=0.5,baseline=moving-average --model logistic-regression:minibatch=50,intercept=false",
    "--estimator score --model logistic-regression:data=true,target=1x2,standardize=false",
  ])
  func theSpecOfAManifestRunsToTheSameBytes(_ options: String) throws {
    let sandbox = try Sandbox()
    // A file and a column whose names look like values of other kinds.
    try sandbox.write("1x2,b\n1,2\n0,1\n1,5\n", to: "true")
    let measured = try sandbox.run(
      ["variance", "--replicates", "200"] + options.split(separator: " ").map(String.init)
        + ["--out", "my results"])
    #expect(measured.status == 0)
    let manifest = try sandbox.object(of: "my results/manifest.json")
    try sandbox.write(try #require(manifest["spec"] as? String), to: "again.json")
    #expect(manifest["spec_sha256"] as? String == (try digest(sandbox, "again.json")))
    let again = try sandbox.run("run", "again.json", "--out", "again")
    #expect(again.status == 0)
    for name in Self.reproducible {
      #expect(try sandbox.text(of: "again/\(name)") == sandbox.text(of: "my results/\(name)"), "\(name)")
    }
    #expect(measured.output == String(again.output.dropLast()))
    let second = try sandbox.object(of: "again/manifest.json")
    for key in ["norm", "diagnostics", "correlations", "replicates", "relative_error", "max_replicates", "checkpoints"]
    {
      #expect(manifest[key] as? NSObject == second[key] as? NSObject, "\(key)")
    }
  }

  @Test func anEarlierResultIsReplacedOnSuccessOnly() throws {
    let sandbox = try Sandbox()
    func measure(_ options: String...) throws -> Outcome {
      try sandbox.run(["variance", "--estimator", "score", "--replicates", "100", "--out", "d"] + options)
    }
    #expect(try measure().status == 0)
    let first = try sandbox.text(of: "d/variance.csv")
    #expect(try measure("--seed", "-").status == 65)
    #expect(try measure("--rng", "none").status == 65)
    #expect(try sandbox.text(of: "d/variance.csv") == first)
    #expect(try measure("--seed", "2").status == 0)
    #expect(try sandbox.text(of: "d/variance.csv") != first)
    #expect(sandbox.names() == ["d"] + Self.files.map { "d/" + $0 })
  }

  @Test func whatIsNotOursStays() throws {
    let sandbox = try Sandbox()
    try sandbox.write("mine", to: "d/thesis.txt")
    try sandbox.write("mine", to: "file")
    func refusal(_ directory: String) throws -> Outcome {
      try sandbox.run("variance", "--estimator", "score", "--replicates", "100", "--out", directory)
    }
    #expect(
      try refusal("d")
        == .refusal(73, ["d: holds 'thesis.txt', which is not a file of this tool; nothing is replaced"]))
    #expect(try refusal("file") == .refusal(73, ["file: exists and is not a directory"]))
    #expect(try refusal("file/d") == .refusal(73, ["file/d: Not a directory"]))
    #expect(try refusal("/dev/null/d") == .refusal(73, ["/dev/null/d: Not a directory"]))
    #expect(try refusal("..") == .refusal(73, ["..: does not end in the name of a directory"]))
    try sandbox.write("mine", to: "results")
    try sandbox.write(spec(#""replicates": 100"#), to: "t.json")
    #expect(try sandbox.run("run", "t.json") == .refusal(73, ["results/t: Not a directory"]))
    #expect(sandbox.names() == ["d", "d/thesis.txt", "file", "results", "t.json"])
  }
}
