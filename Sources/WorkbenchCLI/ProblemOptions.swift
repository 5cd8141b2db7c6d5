import ArgumentParser
internal import ExperimentRunner
import Foundation

/// How results are shown on standard output.
enum OutputFormat: String, ExpressibleByArgument, CaseIterable {
  case table, csv, json
}

/// What `variance` and `elbo` are asked of.
struct ProblemOptions: ParsableArguments {
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

  func validate() throws {
    if estimators.isEmpty { throw ValidationError("--estimator: name at least one estimator, or 'all'") }
  }
}

/// Seed, execution and output of `variance` and `elbo`.
struct OutcomeOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Seed. (default: GSL_RNG_SEED, or 1)", valueName: "n"))
  var seed: String?
  @Option(help: ArgumentHelp("Generator, by name. (default: GSL_RNG_TYPE, or mt19937)", valueName: "type"))
  var rng: String?
  @OptionGroup var execution: ExecutionOptions
  @Option(help: ArgumentHelp("Write manifest and CSV files to this directory.", valueName: "dir"))
  var out: String?
  @Option(help: "What to print: table, csv (variance.csv, elbo.csv or evidence.csv) or json (the same rows).")
  var format = OutputFormat.table

  /// Prints a result as `format` says.
  func show(table: () -> String, _ columns: [String], _ rows: [[CSVFiles.Field]]) {
    switch format {
    case .table: print(table(), terminator: "")
    case .csv: print(CSVFiles.text(columns, rows), terminator: "")
    case .json: print(CSVFiles.json(columns, rows), terminator: "")
    }
  }
}

extension PlannedExperiment {
  /// The experiment that a command's options describe, named after its directory.
  ///
  /// - Parameters:
  ///   - single: options of the command's own with one value, by key of the spec.
  ///   - lists: those with several.
  ///   - objects: those that belong to an object of the spec.
  init(
    _ kind: ExperimentKind, _ problem: ProblemOptions, _ outcome: OutcomeOptions, single: [(String, String?)],
    lists: [(String, [String])], objects: [(String, [(key: String, value: String?)])] = []
  ) throws {
    // What GSL's own programs read stands in for absent options; run never reads it.
    let environment = ProcessInfo.processInfo.environment.filter { !$0.value.isEmpty }
    let variables = ["rng": "GSL_RNG_TYPE", "seed": "GSL_RNG_SEED"]
    let standIns = variables.filter { key, name in
      (key == "rng" ? outcome.rng : outcome.seed) == nil && environment[name] != nil
    }
    let given: [(String, String?)] =
      [
        ("kind", kind.rawValue), ("model", problem.model), ("family", problem.family),
        ("objective", problem.objective), ("sampling", problem.sampling),
        ("rng", outcome.rng ?? environment["GSL_RNG_TYPE"]), ("seed", outcome.seed ?? environment["GSL_RNG_SEED"]),
      ] + single
    // The options as the tree that a spec file would give, every value a text.
    var root = JSONNode(
      commandLine: given.compactMap { key, value in value.map { (key, [$0], false) } }
        + (lists + [("estimators", problem.estimators)]).compactMap { key, values in
          values.isEmpty ? nil : (key, values, true)
        })
    for (key, options) in objects { root.add(key, options) }
    var reader = SpecReader(registry: Session.registry, source: .options(standIns: standIns))
    var spec = reader.read(root)
    let last = outcome.out.map { URL(fileURLWithPath: $0).lastPathComponent } ?? ""
    spec.name = ExperimentSpec.isName(last) ? last : kind.rawValue
    guard let plan = Plan.make(spec, &reader) else { throw Failure(.content, reader.faults.map(\.description)) }
    plan.notes.forEach { Workbench.report("note: \($0)") }
    let text = Array((spec.json(of: plan).serialized() + "\n").utf8)
    self.init(spec: spec, plan: plan, source: Self.commandLine, text: text)
  }
}
