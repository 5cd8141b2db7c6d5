import ArgumentParser
internal import ExperimentRunner

struct ElboCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "elbo",
    abstract: "Optimizes with each estimator and follows the ELBO.",
    discussion: """
      Every option has a default: 'workbench elbo --estimator reparam' runs. Repeat an option for more values, or give \
      them together: --learning-rate 0.001 0.01 0.1 tries each with every estimator and marks its best. Run r of every \
      estimator uses the same random numbers. Nothing is written without --out.
      """)

  @OptionGroup var problem: ProblemOptions
  @Option(
    name: .customLong("at"), help: ArgumentHelp("The point to start from. (default: initial)", valueName: "point"))
  var point: String?
  @Option(parsing: .upToNextOption, help: ArgumentHelp("K, draws a step. (default: 1)", valueName: "k …"))
  var samples: [String] = []
  @Option(
    name: .customLong("optimizer"), parsing: .upToNextOption,
    help: ArgumentHelp("How steps are made of gradients. (default: adam)", valueName: "id …"))
  var optimizers: [String] = []
  @Option(
    name: .customLong("learning-rate"), parsing: .upToNextOption,
    help: ArgumentHelp("Step size at the start. (default: the optimizer's)", valueName: "a …"))
  var learningRates: [String] = []
  @Option(help: ArgumentHelp("T, steps of a run. (default: 1000)", valueName: "t"))
  var steps: String?
  @Option(help: ArgumentHelp("Runs of each curve, with numbers of their own. (default: 5)", valueName: "n"))
  var runs: String?
  @Option(
    help: ArgumentHelp("Steps between evaluations of the ELBO. (default: a fiftieth of the run)", valueName: "steps"))
  var evaluate: String?
  @Option(help: ArgumentHelp("Fresh draws of an evaluation. (default: 1000)", valueName: "s"))
  var evaluationDraws: String?
  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp("Steps whose parameters are written to parameters.csv.", valueName: "step …"))
  var saveParameters: [String] = []
  @Option(
    help: ArgumentHelp(
      "Stop where the ELBO changes by less than this part of itself, its uncertainty included.", valueName: "part"))
  var stopRelativeChange: String?
  @Option(help: ArgumentHelp("Evaluations that the change is between. (default: 5)", valueName: "w"))
  var stopWindow: String?
  @OptionGroup var outcome: OutcomeOptions

  func validate() throws {
    if stopWindow != nil, stopRelativeChange == nil {
      throw ValidationError("--stop-window: belongs to --stop-relative-change, which is missing")
    }
    if !saveParameters.isEmpty, outcome.out == nil {
      throw ValidationError("--save-parameters: add --out DIR, where they are to be written")
    }
  }

  mutating func run() async throws {
    let experiment = try PlannedExperiment(
      .elbo, problem, outcome, single: [("at", point), ("steps", steps), ("runs", runs)],
      lists: [
        ("samples", samples), ("optimizer", optimizers), ("learning_rate", learningRates),
        ("save_parameters", saveParameters),
      ],
      objects: [
        ("evaluate", [("every", evaluate), ("draws", evaluationDraws)]),
        ("stop", [("relative_change", stopRelativeChange), ("window", stopWindow)]),
      ])
    let execution = outcome.execution
    if execution.dryRun { return print(try execution.forecast(experiment), terminator: "") }
    let failures = try await execution.train(experiment, writingTo: outcome.out) { results in
      outcome.show(
        table: { CurveTable(results, isColored: Terminal.isColored).rendered() }, CurveFiles.elboColumns,
        CurveFiles.elboRows(results))
    }
    guard failures.isEmpty else { throw Failure(.failed, failures) }
  }
}
