import ExperimentRunner
import Foundation
import Testing

/// What `variance` prints.
@Suite struct VarianceCommandTests {
  @Test func tableOfSeveralEstimators() throws {
    let arguments = [
      "variance", "--estimator", "score", "reparam", "analytic-kl", "stl", "--seed", "7", "--replicates", "2000",
      "--samples", "2", "--at", "mean=-0.5,log_scale=-1",
    ]
    #expect(
      try Sandbox().run(arguments)
        == Outcome(
          status: 0,
          output: """
            gaussian · mean-field-normal · elbo · iid
            at mean=-0.5,log_scale=-1, K = 2 draws an estimate, R = 2000 replicates, mt19937, seed 7

              estimator      variance  95 % interval   marks  × least  95 % interval   bias p    SNR  cost  variance × cost
              ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
              score            29.6    [27.6, 32.2]           123      [117, 133]        0.20  0.420     2           59.1
              reparam           0.62   [0.58, 0.67]             2.589  [2.578, 2.603]    0.15  2.72      4            2.48
              * analytic-kl     0.240  [0.224, 0.258]                                    0.15  4.36      4            0.959
              stl               2.73   [2.57, 2.94]            11.4    [10.8, 12.1]      0.15  1.25      4           10.9

            analytic-kl has 0.3863 [0.3841, 0.3880] times the variance of reparam.

            *  the least variance measured; the ratios are to it, paired on the same draws

            """))
  }

  @Test func tableOfDrawsThatDependOnEachOther() throws {
    let arguments = [
      "variance", "--estimator", "reparam", "score", "--sampling", "sobol", "--samples", "8", "--seed", "7",
      "--replicates", "2000",
    ]
    #expect(
      try Sandbox().run(arguments)
        == Outcome(
          status: 0,
          output: """
            gaussian · mean-field-normal · elbo · sobol
            at initial, K = 8 draws an estimate, R = 2000 replicates, mt19937, seed 7

              estimator  variance  95 % interval   marks  × least  95 % interval  bias p    SNR  cost  variance × cost
              ────────────────────────────────────────────────────────────────────────────────────────────────────────
              * reparam     0.390  [0.356, 0.442]                                   0.55  2.28     16             6.23
              score         4.3    [3.6, 5.8]                11.2  [10.0, 13.4]     0.61  0.695     8            34.8

            reparam has 0.090 [0.075, 0.100] times the variance of score.

            *  the least variance measured; the ratios are to it, paired on the same draws
            ×  draws depend on each other: variance × cost is of this K and need not carry over to another

            """))
  }

  @Test func tableOfOneEstimator() throws {
    let arguments = [
      "variance", "--estimator", "score", "--seed", "3", "--replicates", "5000", "--model", "gaussian:dimension=3",
    ]
    #expect(
      try Sandbox().run(arguments)
        == Outcome(
          status: 0,
          output: """
            gaussian:dimension=3 · mean-field-normal · elbo · iid
            at initial, K = 1 draw an estimate, R = 5000 replicates, mt19937, seed 3

              score      variance  95 % interval  marks  gradient  exact  bias z     p  bias below     SNR  cost  variance × cost
              ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────
              mean            155  [147, 165]               1.678  1.732     1.4  0.44        33 %  0.134      1              155
              log_scale       412  [366, 487]               1.736  1.732     1.5  0.36        53 %  0.0844     1              412
              all             566  [514, 650]               2.414  2.449     1.5  0.59        44 %  0.100      1              566

            score has variance 566 [514, 650], and no bias is seen (p = 0.59; one above 44 % of the gradient is excluded at 95 %).

            """))
  }

  static let header =
    "model,family,objective,sampling,estimator,point,samples,replicates,seed,generator,block,parameters,variance,"
    + "variance_ci_low,variance_ci_high,interval_mark,variance_max,gradient_norm,exact_gradient_norm,bias_z_max,bias_p,"
    + "bias_bound,mse,snr,kurtosis,evaluations,gradient_evaluations,work_normalized_variance,nonfinite"

  @Test func csvAndJSONHoldTheSameRows() throws {
    let sandbox = try Sandbox()
    let arguments = [
      "variance", "--estimator", "score:rao_blackwell=true,baseline=mean", "pathwise", "--samples", "1", "--samples",
      "10", "--replicates", "1e3", "--model", "gaussian:noise=0.50,dimension=2,x=1x2",
    ]
    let csv = try sandbox.run(arguments + ["--format", "csv"])
    #expect(csv.status == 0 && csv.errors.isEmpty)
    #expect(csv.output.hasPrefix(Self.header + "\n"))
    let table = rows(csv.output)
    // Two cells, two estimators, three blocks; options in declared order, defaults left out, shortest numbers.
    #expect(table.count == 12)
    #expect(Set(table.map { $0["model"] }) == ["gaussian:dimension=2,x=1x2,noise=0.5"])
    #expect(Set(table.map { $0["estimator"] }) == ["score:baseline=mean,rao_blackwell=true", "reparam"])
    #expect(csv.output.contains("\n\"gaussian:dimension=2,x=1x2,noise=0.5\",mean-field-normal,elbo,iid,reparam,"))

    let json = try sandbox.run(arguments + ["--format", "json"])
    // Foundation reads it too, but is off by a rounding in some numbers.
    let objects = try #require(JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [[String: Any]])
    guard case .array(let nodes) = try JSONNode.parse(Array(json.output.utf8)).value else {
      Issue.record("not an array")
      return
    }
    #expect(nodes.count == table.count && objects.count == table.count)
    for (node, row) in zip(nodes, table) {
      guard case .object(let members) = node.value else { continue }
      #expect(members.map(\.key) == Self.header.split(separator: ",").map(String.init))
      for member in members {
        switch member.node.value {
        case .string(let text), .number(let text): #expect(text == row[member.key])
        default: #expect(member.node.value == .null && row[member.key] == "")
        }
      }
    }
    #expect(sandbox.names() == [])
  }

  @Test func allLeavesOutWhatDoesNotFit() throws {
    let outcome = try Sandbox().run(
      "variance", "--estimator", "all", "--model", "quadratic", "--replicates", "100", "--format", "csv")
    #expect(
      outcome.errors == """
        note: analytic-kl is left out: cannot take kl=analytic: the objective here has no KL divergence
        note: stl is left out: needs an objective with log q in it, such as 'elbo': without it there is no score term to drop
        note: dreg is left out: needs an objective of several draws, such as 'iwae'; of the ELBO it is stl
        note: vimco, vimco:mean=arithmetic are left out: needs an objective of several draws, such as 'iwae'; of the ELBO it is score:baseline=leave-one-out
        note: ovis, ovis:control=asymptotic, ovis:control=asymptotic,gamma=1 are left out: is for the importance-weighted bound: use objective 'iwae', or vimco
        note: arm, disarm are left out: needs a family of independent Bernoullis, such as 'bernoulli'
        note: arsm is left out: needs a family of independent categories, such as 'categorical'; of bits it is arm
        note: local-expectation, muprop are left out: needs a family of independent bits or categories, such as 'bernoulli' or 'categorical'
        note: unordered-set, unordered-set:baseline=none, sum-and-sample, sum-and-sample:baseline=none are left out: needs a discrete family of at most 256 states, which it lists
        note: concrete, concrete:straight_through=true, gumbel-rao, rebar, rebar:learn=none, relax are left out: relaxes discrete draws, and those of this family are continuous: take reparam or stl
        note: rsvi, generalized-reparam are left out: needs a family made of gammas, whose transformations with correction are known: gamma, beta, dirichlet
        note: score:baseline=leave-one-out needs samples of at least 2, and is given 1

        """)
    #expect(outcome.status == 0)
    var estimators: [String] = []
    for row in rows(outcome.output) where row["block"] == "all" { estimators.append(row["estimator"] ?? "") }
    #expect(
      estimators == [
        "score", "score:baseline=mean", "score:baseline=moving-average", "score:baseline=optimal", "nvil",
        "nvil:normalize=false", "reparam",
        "bonnet-price", "measure-valued", "measure-valued:coupling=false", "finite-differences", "spsa", "exact",
      ])
  }

  /// What takes many evaluations a draw is measured where it is named, and not with `all`.
  @Test func allLeavesOutWhatIsDear() throws {
    let outcome = try Sandbox().run(
      "variance", "--estimator", "all", "--model", "gaussian:dimension=9", "--replicates", "100", "--dry-run")
    #expect(
      outcome.errors.contains(
        "note: measure-valued, measure-valued:coupling=false, finite-differences are left out: takes 36 evaluations a draw; name it"
      ))
    let named = try Sandbox().run(
      "variance", "--estimator", "measure-valued", "--model", "gaussian:dimension=9", "--replicates", "100")
    #expect(named.status == 0 && named.errors == "")
  }

  @Test func estimatorsAreLeftOutWhereSamplesAreTooFew() throws {
    let outcome = try Sandbox().run(
      "variance", "--estimator", "score:baseline=leave-one-out", "--samples", "1", "3", "--replicates", "100",
      "--format", "csv")
    #expect(outcome.status == 0)
    #expect(outcome.errors == "note: score:baseline=leave-one-out is left out where samples are too few for it\n")
    #expect(Set(rows(outcome.output).map { $0["samples"] }) == ["3"])
  }

  @Test func environmentStandsInForAbsentOptions() throws {
    let sandbox = try Sandbox()
    let arguments = ["variance", "--estimator", "score", "--replicates", "100", "--format", "csv"]
    let environment = ["GSL_RNG_TYPE": "taus", "GSL_RNG_SEED": "18446744073709551615"]
    let outcome = try sandbox.run(arguments, environment: environment)
    #expect(rows(outcome.output).allSatisfy { $0["generator"] == "taus" && $0["seed"] == "18446744073709551615" })
    // GSL itself would announce what it read.
    #expect(outcome.errors.isEmpty)
    #expect(
      try sandbox.run(arguments + ["--rng", "taus", "--seed", "18446744073709551615"]) == outcome)
    #expect(
      try sandbox.run(arguments + ["--rng", "mt19937", "--seed", "1"], environment: environment)
        == sandbox.run(arguments))
  }

  @Test func aFullDiskIsReported() throws {
    guard FileManager.default.fileExists(atPath: "/dev/full") else { return }
    let outcome = try Sandbox().run(
      ["-c", "\"$0\" schema > /dev/full", Sandbox.executable.path], executable: URL(fileURLWithPath: "/bin/sh"))
    #expect(outcome == .refusal(73, ["standard output: cannot be written"]))
  }
}
