import ArgumentParser
internal import ExperimentRunner
import Foundation

/// How results are shown on standard output.
enum OutputFormat: String, ExpressibleByArgument, CaseIterable {
  case table, csv, json
}

struct VarianceCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "variance",
    abstract: "Measures the gradient variance of estimators, on the same draws.",
    discussion: """
      Every option has a default: 'workbench variance --estimator score' runs. Repeat an option for more values, or \
      give them together: --samples 1 10. Nothing is written without --out.
      """)

  @Option(
    name: .customLong("estimator"), parsing: .upToNextOption,
    help: ArgumentHelp("What to compare, or 'all'.", valueName: "id …"))
  var estimators: [String] = []
  @Option(help: ArgumentHelp("Model or cost function. (default: gaussian)", valueName: "id"))
  var model: String?
  @Option(help: ArgumentHelp("Variational family. (default: mean-field-normal)", valueName: "id"))
  var family: String?
  @Option(
    help: ArgumentHelp("What the gradient is of. (default: elbo; expectation for a cost function)", valueName: "id"))
  var objective: String?
  @Option(help: ArgumentHelp("How draws are made. (default: iid)", valueName: "id"))
  var sampling: String?
  @Option(
    name: .customLong("at"), parsing: .upToNextOption,
    help: ArgumentHelp(
      "Where: initial, optimum, a point that the model names, or BLOCK=VALUE,… (default: initial)", valueName: "point …"
    ))
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
  @Option(help: ArgumentHelp("Seed. (default: GSL_RNG_SEED, or 1)", valueName: "n"))
  var seed: String?
  @Option(help: ArgumentHelp("Generator, by name. (default: GSL_RNG_TYPE, or mt19937)", valueName: "type"))
  var rng: String?
  @OptionGroup var execution: ExecutionOptions
  @Option(help: ArgumentHelp("Write manifest and CSV files to this directory.", valueName: "dir"))
  var out: String?
  @Option(help: "What to print: table, csv (variance.csv) or json (the same rows).")
  var format = OutputFormat.table

  func validate() throws {
    if estimators.isEmpty { throw ValidationError("--estimator: name at least one estimator, or 'all'") }
  }

  mutating func run() async throws {
    let environment = GSLEnvironment(rng: rng, seed: seed)
    let experiment = try PlannedExperiment.ofCommand(
      "variance", tree(environment), environment: environment, directory: out)
    if execution.dryRun { return print(try execution.forecast(experiment), terminator: "") }
    let failures = try await execution.measure(experiment, writingTo: out) { results in
      let columns = CSVFiles.varianceColumns, rows = CSVFiles.varianceRows(results)
      switch format {
      case .table: print(ResultTable(results, isColored: Terminal.isColored).rendered(), terminator: "")
      case .csv: print(CSVFiles.text(columns, rows), terminator: "")
      case .json: print(CSVFiles.json(columns, rows), terminator: "")
      }
    }
    guard failures.isEmpty else { throw Failure(.failed, failures) }
  }

  /// The options as the tree that a spec file would give, every value a text.
  private func tree(_ environment: GSLEnvironment) -> JSONNode {
    let single = [
      ("model", model), ("family", family), ("objective", objective), ("sampling", sampling),
      ("rng", environment.rng), ("seed", environment.seed), ("replicates", replicates),
      ("relative_error", relativeError), ("max_replicates", maxReplicates),
    ]
    let lists = [("at", points), ("samples", samples), ("estimators", estimators)]
    return JSONNode(
      commandLine: single.compactMap { key, value in value.map { (key, [$0], false) } }
        + lists.compactMap { key, values in values.isEmpty ? nil : (key, values, true) })
  }
}
