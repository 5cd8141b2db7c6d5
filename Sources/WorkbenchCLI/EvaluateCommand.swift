import ArgumentParser
internal import ExperimentRunner

struct EvaluateCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "evaluate",
    abstract: "Estimates log p(x), with errors, and the exact value beside it where there is one.",
    discussion: """
      Of a model of data with a latent variable each it is the mean over the first data of each part, under q at a \
      point or after a training: --at file=results/NAME/parameters.csv. Of a model of one latent variable the \
      estimates are repeated. 'workbench list evidence' names the estimators. Nothing is written without --out.
      """)

  @OptionGroup var problem: EvaluationOptions
  @Option(
    name: .customLong("at"), parsing: .upToNextOption,
    help: ArgumentHelp(
      "Where q is, and θ: initial, a point that the model names, BLOCK=VALUE,… or file=PATH. (default: initial)",
      valueName: "point …"))
  var points: [String] = []
  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp("K, draws or chains of an estimate. (default: 1000)", valueName: "k …"))
  var samples: [String] = []
  @Option(
    help: ArgumentHelp(
      "The first so many data of each part, or repetitions. (default: 100)", valueName: "n"))
  var data: String?
  @OptionGroup var outcome: OutcomeOptions

  mutating func run() async throws {
    let experiment = try PlannedExperiment(
      .evaluation, problem.options, outcome, single: [("data", data)], lists: [("at", points), ("samples", samples)])
    let execution = outcome.execution
    if execution.dryRun { return print(try execution.forecast(experiment), terminator: "") }
    let failures = try await execution.evaluate(experiment, writingTo: outcome.out) { results in
      outcome.show(
        table: { EvidenceTable(results, isColored: Terminal.isColored).rendered() }, EvidenceFiles.columns,
        EvidenceFiles.rows(results))
    }
    guard failures.isEmpty else { throw Failure(.failed, failures) }
  }
}

/// What `evaluate` is asked of.
struct EvaluationOptions: ParsableArguments {
  @Option(
    name: .customLong("estimator"), parsing: .upToNextOption,
    help: ArgumentHelp("Estimators of log p(x).", valueName: "id …"))
  var estimators: [String] = []
  @Option(help: ArgumentHelp("Model. (default: gaussian)", valueName: "id"))
  var model: String?
  @Option(help: ArgumentHelp("Variational family, of q. (default: mean-field-normal)", valueName: "id"))
  var family: String?

  func validate() throws {
    if estimators.isEmpty { throw ValidationError("--estimator: name at least one estimator of log p(x)") }
  }

  /// With what `variance` has beside.
  var options: ProblemOptions {
    var options = ProblemOptions()
    (options.estimators, options.model, options.family) = (estimators, model, family)
    (options.objective, options.sampling) = (nil, nil)
    return options
  }
}
