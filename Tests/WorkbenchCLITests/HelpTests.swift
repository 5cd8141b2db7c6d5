import Testing

/// What the tool says of itself, to the letter.
@Suite struct HelpTests {
  static let overview = """
    OVERVIEW: Compares Monte Carlo gradient estimators for variational inference.

    A component is ID or ID:KEY=VALUE,KEY=VALUE, as in
    score:baseline=leave-one-out. 'workbench list' names them, 'workbench describe
    ID' says what they are.

    Exit status: 0 done; 1 a cell or a check failed; 2 a claim was refuted; 64
    wrong syntax; 65 bad content, or a missing input file; 70 internal; 73 output
    cannot be written; 130 interrupted.

    USAGE: workbench <subcommand>

    OPTIONS:
      --version               Show the version.
      -h, --help              Show help information.

    SUBCOMMANDS:
      variance                Measures the gradient variance of estimators, on the
                              same draws.
      elbo                    Optimizes with each estimator and follows the ELBO.
      evaluate                Estimates log p(x), with errors, and the exact value
                              beside it where there is one.
      run                     Runs experiments and writes their results.
      validate                Checks experiments and reports every fault, without
                              running anything.
      check                   Holds estimators to their laws, in every combination
                              that they claim.
      schema                  Prints the JSON Schema of experiments, for editors
                              and validators.
      list                    Lists estimators, models, families, objectives,
                              samplings, optimizers, algorithms, evidence
                              estimators or generators.
      describe                Says what a component is: equation, requirements,
                              bias, cost, options.
      cite                    Prints the BibTeX of components, or of keys.

      See 'workbench help <subcommand>' for detailed help.
    """

  static let variance = """
    OVERVIEW: Measures the gradient variance of estimators, on the same draws.

    Every option has a default: 'workbench variance --estimator score' runs. Repeat
    an option for more values, or give them together: --samples 1 10. Nothing is
    written without --out.

    USAGE: workbench variance <options>

    OPTIONS:
      --estimator <id …>      What to compare, or 'all'.
      --model <id>            Model or cost function. (default: gaussian)
      --family <id>           Variational family. (default: mean-field-normal)
      --objective <id>        What the gradient is of. (default: elbo; expectation
                              for a cost function)
      --sampling <id>         How draws are made. (default: iid)
      --at <point …>          Where: initial, optimum, a point that the model
                              names, BLOCK=VALUE,… or file=PATH. (default: initial)
      --samples <k …>         K, draws an estimate. (default: 1)
      --replicates <r>        R, estimates measured, or 'auto'. (default: 10000)
      --relative-error <e>    With 'auto': half-width of the 95 % intervals by
                              variance. (default: 0.01)
      --max-replicates <r>    With 'auto': the most that a cell takes. (default:
                              1000000)
      --norm <norm>           Variances are traces of the covariance in this norm:
                              euclidean or fisher. (default: euclidean)
      --diagnostics           Measure headroom, and the shares of minibatches and
                              draws, too.
      --correlations          With --out: write the gradient's correlations and
                              leading eigenvalues, too.
      --seed <n>              Seed. (default: GSL_RNG_SEED, or 1)
      --rng <type>            Generator, by name. (default: GSL_RNG_TYPE, or
                              mt19937)
      --threads <t>           Parallel tasks. (default: the number of processors)
      --dry-run               Say what would be spent and how long it may take;
                              measure and write nothing.
      --out <dir>             Write manifest and CSV files to this directory.
      --format <format>       What to print: table, csv (variance.csv, elbo.csv or
                              evidence.csv) or json (the same rows). (values:
                              table, csv, json; default: table)
      --version               Show the version.
      -h, --help              Show help information.

    """

  static let elbo = """
    OVERVIEW: Optimizes with each estimator and follows the ELBO.

    Every option has a default: 'workbench elbo --estimator reparam' runs. Repeat
    an option for more values, or give them together: --learning-rate 0.001 0.01
    0.1 tries each with every estimator and marks its best. Run r of every
    estimator uses the same random numbers. Nothing is written without --out.

    USAGE: workbench elbo <options>

    OPTIONS:
      --estimator <id …>      What to compare, or 'all'.
      --model <id>            Model or cost function. (default: gaussian)
      --family <id>           Variational family. (default: mean-field-normal)
      --objective <id>        What the gradient is of. (default: elbo; expectation
                              for a cost function)
      --sampling <id>         How draws are made. (default: iid)
      --at <point>            The point to start from. (default: initial)
      --samples <k …>         K, draws a step. (default: 1)
      --optimizer <id …>      How steps are made of gradients. (default: adam)
      --learning-rate <a …>   Step size at the start. (default: the optimizer's)
      --steps <t>             T, steps of a run. (default: 1000)
      --runs <n>              Runs of each curve, with numbers of their own.
                              (default: 5)
      --evaluate <steps>      Steps between evaluations of the ELBO. (default: a
                              fiftieth of the run)
      --evaluation-draws <s>  Fresh draws of an evaluation. (default: 1000)
      --save-parameters <step …>
                              Steps whose parameters are written to parameters.csv.
      --stop-relative-change <part>
                              Stop where the ELBO changes by less than this part of
                              itself, its uncertainty included.
      --stop-window <w>       Evaluations that the change is between. (default: 5)
      --seed <n>              Seed. (default: GSL_RNG_SEED, or 1)
      --rng <type>            Generator, by name. (default: GSL_RNG_TYPE, or
                              mt19937)
      --threads <t>           Parallel tasks. (default: the number of processors)
      --dry-run               Say what would be spent and how long it may take;
                              measure and write nothing.
      --out <dir>             Write manifest and CSV files to this directory.
      --format <format>       What to print: table, csv (variance.csv, elbo.csv or
                              evidence.csv) or json (the same rows). (values:
                              table, csv, json; default: table)
      --version               Show the version.
      -h, --help              Show help information.

    """

  @Test(arguments: [[], ["--help"], ["-h"], ["help"]]) func overviewOfTheTool(_ arguments: [String]) throws {
    #expect(try Sandbox().run(arguments) == Outcome(status: 0, output: Self.overview + "\n"))
  }

  @Test(arguments: [["elbo", "--help"], ["elbo", "-h"], ["help", "elbo"]])
  func helpOfElbo(_ arguments: [String]) throws {
    #expect(try Sandbox().run(arguments) == Outcome(status: 0, output: Self.elbo + "\n"))
  }

  @Test(arguments: [["variance", "--help"], ["help", "variance"]])
  func optionsOfVariance(_ arguments: [String]) throws {
    #expect(try Sandbox().run(arguments) == Outcome(status: 0, output: Self.variance + "\n"))
  }

  @Test(arguments: ["evaluate", "run", "validate", "check", "schema", "list", "describe", "cite"])
  func everyCommandHasHelp(_ command: String) throws {
    let help = try Sandbox().run(command, "--help")
    #expect(help.status == 0 && help.errors.isEmpty)
    #expect(help.output.contains("\nUSAGE: workbench \(command)"))
  }

  @Test func version() throws {
    let outcome = try Sandbox().run("--version")
    #expect(outcome.status == 0 && outcome.output.wholeMatch(of: /\d+\.\d+\.\d+\n/) != nil)
  }
}
