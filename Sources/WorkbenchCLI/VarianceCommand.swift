import ArgumentParser
internal import ExperimentRunner

struct VarianceCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "variance",
    abstract: "Measures the gradient variance of estimators, on the same draws.",
    discussion: """
      Every option has a default: 'workbench variance --estimator score' runs. Repeat an option for more values, or \
      give them together: --samples 1 10. Nothing is written without --out.
      """)

  @OptionGroup var problem: ProblemOptions
  @Option(
    name: .customLong("at"), parsing: .upToNextOption,
    help: ArgumentHelp(
      "Where: initial, optimum, a point that the model names, BLOCK=VALUE,… or file=PATH. (default: initial)",
      valueName: "point …"))
  var points: [String] = []
  @Option(parsing: .upToNextOption, help: ArgumentHelp("K, draws an estimate. (default: 1)", valueName: "k …"))
  var samples: [String] = []
  @Option(help: ArgumentHelp("R, estimates measured, or 'auto'. (default: 10000)", valueName: "r"))
  var replicates: String?
  @Option(
    help: ArgumentHelp(
      "With 'auto': half-width of the 95 % intervals by variance. (default: 0.01)", valueName: "e"))
  var relativeError: String?
  @Option(help: ArgumentHelp("With 'auto': the most that a cell takes. (default: 1000000)", valueName: "r"))
  var maxReplicates: String?
  @Option(
    help: ArgumentHelp(
      "Variances are traces of the covariance in this norm: euclidean or fisher. (default: euclidean)",
      valueName: "norm"))
  var norm: String?
  @Flag(help: "Measure headroom, and the shares of minibatches and draws, too.")
  var diagnostics = false
  @Flag(help: "With --out: write the gradient's correlations and leading eigenvalues, too.")
  var correlations = false
  @OptionGroup var outcome: OutcomeOptions

  mutating func run() async throws {
    let experiment = try PlannedExperiment(
      .variance, problem, outcome,
      single: [
        ("replicates", replicates), ("relative_error", relativeError), ("max_replicates", maxReplicates),
        ("norm", norm), ("diagnostics", diagnostics ? "true" : nil), ("correlations", correlations ? "true" : nil),
      ], lists: [("at", points), ("samples", samples)])
    let execution = outcome.execution
    if execution.dryRun { return print(try execution.forecast(experiment), terminator: "") }
    let failures = try await execution.measure(experiment, writingTo: outcome.out) { results in
      outcome.show(
        table: { ResultTable(results, isColored: Terminal.isColored).rendered() }, CSVFiles.varianceColumns,
        CSVFiles.varianceRows(results))
    }
    guard failures.isEmpty else { throw Failure(.failed, failures) }
  }
}
