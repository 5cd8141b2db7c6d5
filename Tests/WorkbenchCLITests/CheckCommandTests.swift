import Testing

/// `check`: the table, and what does not pass; exit status 0 where everything does.
@Suite struct CheckCommandTests {
  @Test func aRowForEachEstimatorAndASummary() throws {
    let outcome = try Sandbox().run(
      "check", "stl", "score:baseline=leave-one-out", "gaussian:dimension=2", "iid", "--max-replicates", "8192",
      "--threads", "2")
    #expect(outcome.status == 0 && outcome.errors.isEmpty)
    let lines = outcome.output.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    try #require(lines.count == 7)
    #expect(lines[0].hasPrefix("estimator ") && lines[0].hasSuffix(" verdict"))
    #expect(lines[2].hasPrefix("stl ") && lines[2].hasSuffix(" passed"))
    #expect(lines[3].hasPrefix("score:baseline=leave-one-out ") && lines[3].hasSuffix(" passed"))
    #expect(lines[5].contains(" at a family-wise level of 0.001: 0 failed, 0 undecided."))
  }

  /// The same on any number of threads; refusals are said with their reason and what works.
  @Test func everyOutcomeOnRequest() throws {
    let sandbox = try Sandbox()
    let arguments = ["check", "stl", "cosine", "gaussian", "iid", "--max-replicates", "4096", "--verbose"]
    let one = try sandbox.run(arguments + ["--threads", "1"])
    #expect(one == (try sandbox.run(arguments + ["--threads", "2"])) && one.status == 0)
    #expect(one.output.contains("stl, unbiased, gaussian"))
    #expect(
      one.output.contains(
        "refused: needs an objective with log q in it, such as 'elbo': without it there is no score term to drop; these work here: score, nvil, reparam, bonnet-price, measure-valued, finite-differences, spsa, exact"
      ))
    #expect(sandbox.names() == [])
  }

  @Test func anotherSeedAnotherMeasurement() throws {
    let sandbox = try Sandbox()
    let arguments = ["check", "score:baseline=mean", "gaussian:dimension=2", "iid", "--max-replicates", "4096"]
    let one = try sandbox.run(arguments), two = try sandbox.run(arguments + ["--seed", "2"])
    #expect(one.status == 0 && two.status == 0 && one.output != two.output)
  }
}
