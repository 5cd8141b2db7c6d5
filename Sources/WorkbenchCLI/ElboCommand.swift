import ArgumentParser
internal import ExperimentRunner
import Foundation

struct ElboCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "elbo",
    abstract: "Optimizes with each estimator and follows the ELBO.",
    discussion: """
      Every option has a default: 'workbench elbo --estimator reparam' runs. Repeat an option for more values, or give \
      them together: --learning-rate 0.001 0.01 0.1 tries each with every estimator and marks its best. Run r of every \
      estimator uses the same random numbers. Nothing is written without --out.
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
    help: ArgumentHelp("What is optimized. (default: elbo; expectation for a cost function)", valueName: "id"))
  var objective: String?
  @Option(help: ArgumentHelp("How draws are made. (default: iid)", valueName: "id"))
  var sampling: String?
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
  @Option(help: ArgumentHelp("Seed. (default: GSL_RNG_SEED, or 1)", valueName: "n"))
  var seed: String?
  @Option(help: ArgumentHelp("Generator, by name. (default: GSL_RNG_TYPE, or mt19937)", valueName: "type"))
  var rng: String?
  @OptionGroup var execution: ExecutionOptions
  @Option(help: ArgumentHelp("Write manifest and CSV files to this directory.", valueName: "dir"))
  var out: String?
  @Option(help: "What to print: table, csv (elbo.csv) or json (the same rows).")
  var format = OutputFormat.table

  func validate() throws {
    if estimators.isEmpty { throw ValidationError("--estimator: name at least one estimator, or 'all'") }
    if stopWindow != nil, stopRelativeChange == nil {
      throw ValidationError("--stop-window: belongs to --stop-relative-change, which is missing")
    }
    if !saveParameters.isEmpty, out == nil {
      throw ValidationError("--save-parameters: add --out DIR, where they are to be written")
    }
  }

  mutating func run() async throws {
    let environment = GSLEnvironment(rng: rng, seed: seed)
    let experiment = try PlannedExperiment.ofCommand(
      "elbo", tree(environment), environment: environment, directory: out)
    if execution.dryRun { return print(try execution.forecast(experiment), terminator: "") }
    let failures = try await execution.train(experiment, writingTo: out) { results in
      let columns = CurveFiles.elboColumns, rows = CurveFiles.elboRows(results)
      switch format {
      case .table: print(CurveTable(results, isColored: Terminal.isColored).rendered(), terminator: "")
      case .csv: print(CSVFiles.text(columns, rows), terminator: "")
      case .json: print(CSVFiles.json(columns, rows), terminator: "")
      }
    }
    guard failures.isEmpty else { throw Failure(.failed, failures) }
  }

  /// The options as the tree that a spec file would give, every value a text.
  private func tree(_ environment: GSLEnvironment) -> JSONNode {
    var root = JSONNode(
      commandLine: [
        ("kind", "elbo"), ("model", model), ("family", family), ("objective", objective), ("sampling", sampling),
        ("rng", environment.rng), ("seed", environment.seed), ("at", point), ("steps", steps), ("runs", runs),
      ].compactMap { key, value in value.map { (key, [$0], false) } }
        + [
          ("samples", samples), ("estimators", estimators), ("optimizer", optimizers),
          ("learning_rate", learningRates), ("save_parameters", saveParameters),
        ].compactMap { key, values in values.isEmpty ? nil : (key, values, true) })
    root.add("evaluate", [("every", evaluate), ("draws", evaluationDraws)])
    root.add("stop", [("relative_change", stopRelativeChange), ("window", stopWindow)])
    return root
  }
}

/// What GSL's own programs read stands in for absent options of a command; `run` never reads it.
struct GSLEnvironment {
  let rng, seed: String?
  /// Variables in use, by key of the spec.
  let standIns: [String: String]

  init(rng: String?, seed: String?) {
    let environment = ProcessInfo.processInfo.environment.filter { !$0.value.isEmpty }
    let variables = ["rng": "GSL_RNG_TYPE", "seed": "GSL_RNG_SEED"]
    standIns = variables.filter { ($0.key == "rng" ? rng : seed) == nil && environment[$0.value] != nil }
    self.rng = rng ?? environment["GSL_RNG_TYPE"]
    self.seed = seed ?? environment["GSL_RNG_SEED"]
  }
}

extension PlannedExperiment {
  /// The experiment that a command's options describe, named after its directory.
  static func ofCommand(
    _ name: String, _ tree: JSONNode, environment: GSLEnvironment, directory: String?
  ) throws -> PlannedExperiment {
    var reader = SpecReader(registry: Session.registry, source: .options(standIns: environment.standIns))
    var spec = reader.read(tree)
    let last = directory.map { URL(fileURLWithPath: $0).lastPathComponent } ?? ""
    spec.name = ExperimentSpec.isName(last) ? last : name
    guard let plan = Plan.make(spec, &reader) else { throw Failure(.content, reader.faults.map(\.description)) }
    plan.notes.forEach { Workbench.report("note: \($0)") }
    let text = Array((spec.json(of: plan).serialized() + "\n").utf8)
    return PlannedExperiment(spec: spec, plan: plan, source: commandLine, text: text)
  }
}
