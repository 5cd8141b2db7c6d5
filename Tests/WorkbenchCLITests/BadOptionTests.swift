import Testing

/// Bad input on the command line: one line for each fault, the documented status, and nothing written.
@Suite struct BadOptionTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let arguments: [String]
    let status: Int32
    let lines: [String]
    init(_ arguments: String, _ lines: String..., status: Int32 = 65) {
      self.arguments = arguments.split(separator: " ").map(String.init)
      self.status = status
      self.lines = lines
    }
    var testDescription: String { arguments.joined(separator: " ") }
  }

  static let content = [
    Case("variance --estimator scor", "--estimator: unknown estimator 'scor'; did you mean 'score'?"),
    Case(
      "variance --estimator zebra",
      "--estimator: unknown estimator 'zebra'; known: score, nvil, reparam, analytic-kl, stl, dreg, vimco, ovis, arm, disarm, arsm, local-expectation, muprop, unordered-set, sum-and-sample, concrete, gumbel-rao, rebar, relax, rsvi, generalized-reparam, bonnet-price, measure-valued, finite-differences, spsa, exact"
    ),
    Case("variance --estimator score --model gausian", "--model: unknown model 'gausian'; did you mean 'gaussian'?"),
    Case(
      "variance --estimator score --family mean-field-norml",
      "--family: unknown family 'mean-field-norml'; did you mean 'mean-field-normal'?"),
    Case(
      "variance --estimator score --model binary-latent",
      "--family: 'mean-field-normal': the family's draws are of all of ℝ^D, and the model is of z of 0 and 1; these have such draws: bernoulli, tied-bernoulli, autoregressive-bernoulli"
    ),
    Case(
      "variance --estimator reparam --model bernoulli-toy --family bernoulli",
      "--estimator: reparam needs a reparameterizable family, z = g(ε, λ); these work here: score, nvil, arm, disarm, local-expectation, muprop, concrete, gumbel-rao, rebar, relax, exact"
    ),
    Case(
      "variance --estimator arm --model gaussian",
      "--estimator: arm needs a family of independent Bernoullis, such as 'bernoulli'; these work here: score, nvil, reparam, stl, bonnet-price, measure-valued, finite-differences, spsa, exact"
    ),
    Case(
      "variance --estimator vimco --objective iwae --model binary-latent --family bernoulli --samples 1",
      "--estimator: vimco needs samples of at least 2, and is given 1"),
    Case("variance --estimator score --objective elb", "--objective: unknown objective 'elb'; did you mean 'elbo'?"),
    Case("variance --estimator score --sampling id", "--sampling: unknown sampling 'id'; did you mean 'iid'?"),
    Case(
      "variance --estimator score --sampling antithetic --samples 2 3",
      "--sampling: 'antithetic' makes pairs, and 3 draws are not even; take 4, or another sampling"),
    Case(
      "variance --estimator score --sampling sobol:randomization=shift --model gaussian:dimension=41",
      "--sampling: 'sobol' has at most 40 dimensions, those of GSL's sequence, and a draw takes 41; take 'halton' (up to 1229), 'latin-hypercube' or 'iid'"
    ),
    Case(
      "variance --estimator score --sampling sobol:randomization=owen",
      "--sampling: option 'randomization' of 'sobol' expects scramble | shift, found 'owen'"),
    Case(
      "variance --estimator score:baseline=leave-one-out --sampling halton --samples 2",
      "--estimator: score:baseline=leave-one-out would be biased: it uses draws against each other, which must be independent for that, and those of sampling 'halton' are not; these work here: score, nvil, reparam, stl, bonnet-price, measure-valued, finite-differences, spsa, exact"
    ),
    Case(
      "elbo --estimator score --sampling antithetic",
      "--sampling: 'antithetic' makes pairs, and 1 draw is not even; take 2, or another sampling"),
    Case("variance --estimator score --rng mt1993", "--rng: unknown generator 'mt1993'; did you mean 'mt19937'?"),
    Case("variance --estimator score --rng zzz", "--rng: unknown generator 'zzz'; see 'workbench list generators'"),
    Case(
      "variance --estimator score:basline=mean",
      "--estimator: unknown option 'basline' of 'score'; did you mean 'baseline'?"),
    Case("variance --estimator stl:x=1", "--estimator: unknown option 'x' of 'stl'; it has none"),
    Case(
      "variance --estimator score:baseline=maen",
      "--estimator: option 'baseline' of 'score' expects none | mean | moving-average | leave-one-out | optimal, found 'maen'; did you mean 'mean'?"
    ),
    Case(
      "variance --estimator score:decay=2",
      "--estimator: option 'decay' of 'score' expects a number from 0 to 0.999, found '2'"),
    Case(
      "variance --estimator score:rao_blackwell=yes",
      "--estimator: option 'rao_blackwell' of 'score' expects true or false, found 'yes'"),
    Case("variance --estimator analytic-kl:kl=entropy", "--estimator: 'analytic-kl' already sets 'kl': use 'reparam'"),
    Case(
      "variance --estimator score --at men=1",
      "--at: unknown block 'men'; the family has mean, log_scale; did you mean 'mean'?"),
    Case("variance --estimator score --at mean=1x2", "--at: block 'mean' has 1 coordinate, and is given 2 numbers"),
    Case(
      "variance --estimator score --at mean=1x2x3 --model gaussian:dimension=2",
      "--at: block 'mean' has 2 coordinates, and is given 3 numbers"),
    Case("variance --estimator score --at mean=a", "--at: 'mean=a': expects a number or a list like 1x2x3"),
    Case("variance --estimator score --at mean=nan", "--at: 'mean=nan': expects a number or a list like 1x2x3"),
    Case("variance --estimator score --at mean=1,mean=2", "--at: block 'mean' is given twice"),
    Case("variance --estimator score --at pior", "--at: unknown point 'pior'; did you mean 'prior'?"),
    Case(
      "variance --estimator score --at posterior --model logistic-regression",
      "--at: unknown point 'posterior'; 'logistic-regression' has initial, optimum, prior"),
    Case(
      "variance --estimator score --at optimum --model quadratic",
      "--at: the optimum is found where the exact ELBO is known, which it is not for 'quadratic'"),
    Case(
      "variance --estimator score --at mean=1 log_scale=0,mean=1 mean=1,log_scale=0",
      "--at: 'mean=1,log_scale=0' is given already, in this or another spelling; keep one"),
    Case(
      "variance --estimator score --model gaussian:dimension=0",
      "--model: option 'dimension' of 'gaussian' expects an integer from 1 to 100000, found '0'"),
    Case(
      "variance --estimator score --model gaussian:x=1x2x3,dimension=2",
      "--model: option 'x': holds 3 numbers for dimension 2; give one or 2"),
    Case(
      "variance --estimator score --replicates 99",
      "--replicates: expects an integer from 100 to 1000000000, or 'auto', found '99'"),
    Case(
      "variance --estimator score --replicates 1000000001",
      "--replicates: expects an integer from 100 to 1000000000, or 'auto', found '1000000001'"),
    Case(
      "variance --estimator score --replicates many",
      "--replicates: expects an integer from 100 to 1000000000, or 'auto', found 'many'"),
    Case(
      "variance --estimator score --relative-error 0.1", "--relative-error: is for replicates that are 'auto'"),
    Case(
      "variance --estimator score --replicates 1000 --max-replicates 2000",
      "--max-replicates: is for replicates that are 'auto'"),
    Case(
      "variance --estimator score --replicates auto --relative-error 1.5 --max-replicates many",
      "--relative-error: expects a number from 0.0001 to 1, found '1.5'",
      "--max-replicates: expects an integer from 100 to 1000000000, found 'many'"),
    Case(
      "variance --estimator score --replicates auto --relative-error nan",
      "--relative-error: expects a number from 0.0001 to 1, found 'nan'"),
    Case("variance --estimator score --samples 0", "--samples: expects an integer from 1 to 100000, found '0'"),
    Case("variance --estimator score --samples 1.5", "--samples: expects an integer from 1 to 100000, found '1.5'"),
    Case(
      "variance --estimator score --samples 100001", "--samples: expects an integer from 1 to 100000, found '100001'"),
    Case(
      "variance --estimator score --samples 100000 --model gaussian:dimension=100",
      "--samples: 100000 draws of dimension 100 exceed the limit of 4000000 numbers an estimate"),
    Case(
      "variance --estimator score --seed 18446744073709551616",
      "--seed: expects an integer from 0 to 18446744073709551615, found '18446744073709551616'"),
    Case(
      "variance --estimator score --seed=-1",
      "--seed: expects an integer from 0 to 18446744073709551615, found '-1'"),
    Case(
      "variance --estimator reparam pathwise",
      "--estimator: 'reparam' is given already, in this or another spelling; keep one"),
    Case(
      "variance --estimator analytic-kl reparam:kl=analytic",
      "--estimator: 'analytic-kl' is given already, in this or another spelling; keep one"),
    Case(
      "variance --estimator reparam reparam:kl=entropy",
      "--estimator: 'reparam:kl=entropy', which is 'reparam' here, is given already, in this or another spelling; keep one"
    ),
    Case("variance --estimator score all", "--estimator: 'all' leaves nothing to add: give it alone"),
    Case(
      "variance --estimator score:baseline=leave-one-out",
      "--estimator: score:baseline=leave-one-out needs samples of at least 2, and is given 1"),
    Case(
      "variance --estimator stl --model quadratic",
      "--estimator: stl needs an objective with log q in it, such as 'elbo': without it there is no score term to drop; these work here: score, nvil, reparam, bonnet-price, measure-valued, finite-differences, spsa, exact"
    ),
    Case(
      "variance --estimator score --objective expectation",
      "--objective: objective 'expectation' needs a cost function, and this is a model p(x, z): use 'elbo'"),
    Case(
      "variance --estimator score --rng slatec --replicates 100000",
      "--rng: generator 'slatec' has 8 different streams and this run needs 100; choose another generator or fewer replicates"
    ),
    Case(
      "variance --estimator score --model logistic-regression:data=nope.csv",
      "--model: option 'data': nope.csv: no such file"),
    Case(
      "variance --estimator score --model logistic-regression:data=breast-cancr",
      "--model: option 'data': breast-cancr: no such file; the shipped data sets are 'breast-cancer', 'diabetes', 'digits', 'iris', 'warpbreaks', 'wine'"
    ),
    Case(
      "variance --estimator scor --model gausian --rng mt1993 --seed x --samples 0 --replicates 1 --at men=1",
      "--seed: expects an integer from 0 to 18446744073709551615, found 'x'",
      "--rng: unknown generator 'mt1993'; did you mean 'mt19937'?",
      "--model: unknown model 'gausian'; did you mean 'gaussian'?",
      "--samples: expects an integer from 1 to 100000, found '0'",
      "--replicates: expects an integer from 100 to 1000000000, or 'auto', found '1'",
      "--estimator: unknown estimator 'scor'; did you mean 'score'?",
      "--at: unknown block 'men'; the family has mean, log_scale; did you mean 'mean'?"),
    Case("run nope.json", "nope.json: no such file"),
    Case("validate nope.json a.json", "nope.json: no such file", "a.json: no such file"),
    Case("run .", ".: cannot be read"),
    Case("describe scor", "describe: unknown id 'scor'; did you mean 'score'?"),
    Case("cite zzzz", "cite: unknown id 'zzzz'; see 'workbench list'"),
    Case(
      "check scor zzzz", "check: unknown id 'scor'; did you mean 'score'?",
      "check: unknown id 'zzzz'; see 'workbench list'"),
    Case("check score:basline=mean", "check: unknown option 'basline' of 'score'; did you mean 'baseline'?"),
    Case("check gaussian cosine:k=x", "check: option 'k' of 'cosine' expects a number, found 'x'"),
    Case("check linear elbo", "check: no combination of what is named fits together"),
  ]

  static let syntax = [
    Case(
      "variance", "--estimator: name at least one estimator, or 'all' (see 'workbench --help')", status: 64),
    Case(
      "variance --estimator score --replicats 5",
      "Unknown option '--replicats'. Did you mean '--replicates'? (see 'workbench --help')", status: 64),
    Case(
      "variance --estimator score --format xml",
      "The value 'xml' is invalid for '--format <format>'. Please provide one of 'table', 'csv' or 'json'. (see 'workbench --help')",
      status: 64),
    Case(
      "variance --estimator score --threads 0",
      "--threads expects an integer from 1 to 1024, found 0 (see 'workbench --help')", status: 64),
    Case(
      "variance --estimator score --seed",
      "Missing value for '--seed <n>'; one that begins with '-' is written --option=-1 (see 'workbench --help')",
      status: 64),
    Case(
      "check --max-replicates 100",
      "--max-replicates expects an integer from 4096 to 1000000000, found 100 (see 'workbench --help')", status: 64),
    Case("frobnicate", "Unexpected argument 'frobnicate' (see 'workbench --help')", status: 64),
    Case("run", "Missing expected argument '<file> ...' (see 'workbench --help')", status: 64),
  ]

  @Test(arguments: content + syntax) func isRefused(_ test: Case) throws {
    let sandbox = try Sandbox()
    let arguments = test.arguments + (test.arguments[0] == "variance" && test.status == 65 ? ["--out", "d"] : [])
    let outcome = try sandbox.run(arguments)
    #expect(outcome == .refusal(test.status, test.lines))
    #expect(sandbox.names() == [])
  }

  @Test func whatStandsInForAnOptionIsNamed() throws {
    let sandbox = try Sandbox()
    let faults = try sandbox.run(
      "variance", "--estimator", "score",
      environment: ["GSL_RNG_TYPE": "mt1993", "GSL_RNG_SEED": "18446744073709551616"])
    #expect(
      faults
        == .refusal(
          65,
          [
            "GSL_RNG_SEED: expects an integer from 0 to 18446744073709551615, found '18446744073709551616'",
            "GSL_RNG_TYPE: unknown generator 'mt1993'; did you mean 'mt19937'?",
          ]))
  }

  @Test func aLineStaysOneLine() throws {
    let sandbox = try Sandbox()
    #expect(
      try sandbox.run("describe", "a\nb\u{1B}[1m")
        == .refusal(65, [#"describe: unknown id 'a\nb\u{1B}[1m'; see 'workbench list'"#]))
  }
}
