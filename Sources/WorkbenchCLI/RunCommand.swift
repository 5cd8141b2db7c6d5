import ArgumentParser
internal import ExperimentRunner
import Foundation

struct RunCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run", abstract: "Runs experiments and writes their results.",
    discussion: """
      Every file is checked before anything runs. An existing directory of results is replaced only when the new run \
      is complete.
      """)

  @Argument(help: ArgumentHelp("Experiments, as JSON.", valueName: "file"))
  var files: [String]
  @Option(
    help: ArgumentHelp("Where to write; with several files, DIR/<name>. (default: results/<name>)", valueName: "dir"))
  var out: String?
  @OptionGroup var execution: ExecutionOptions

  mutating func run() async throws {
    let experiments = try SpecFiles.plan(files)
    var failures: [String] = []
    for experiment in experiments {
      experiment.plan.notes.forEach { Workbench.report("note: \(experiment.source): \($0)") }
      if execution.dryRun {
        print("\(experiment.source)\n\n\(try execution.forecast(experiment))")
        continue
      }
      let directory =
        out.map { files.count == 1 ? $0 : "\($0)/\(experiment.spec.name)" } ?? "results/\(experiment.spec.name)"
      if !experiment.spec.question.isEmpty { print(experiment.spec.question + "\n") }
      switch experiment.spec.kind {
      case .variance:
        failures += try await execution.measure(experiment, writingTo: directory) {
          print(ResultTable($0, isColored: Terminal.isColored).rendered())
        }
      case .elbo:
        failures += try await execution.train(experiment, writingTo: directory) {
          print(CurveTable($0, isColored: Terminal.isColored).rendered())
        }
      case .training:
        failures += try await execution.trainModels(experiment, writingTo: directory) {
          print(ModelTrainingTable($0, isColored: Terminal.isColored).rendered())
        }
      case .evaluation:
        failures += try await execution.evaluate(experiment, writingTo: directory) {
          print(EvidenceTable($0, isColored: Terminal.isColored).rendered())
        }
      }
      Workbench.report("wrote \(directory)/")
    }
    guard failures.isEmpty else { throw Failure(.failed, failures) }
  }
}

struct ValidateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "validate", abstract: "Checks experiments and reports every fault, without running anything.")

  @Argument(help: ArgumentHelp("Experiments, as JSON.", valueName: "file"))
  var files: [String]

  func run() throws {
    for experiment in try SpecFiles.plan(files) {
      experiment.plan.notes.forEach { Workbench.report("note: \(experiment.source): \($0)") }
      let cells = experiment.plan.cells, entries = cells.reduce(0) { $0 + $1.entries.count }
      print(
        "\(experiment.source): valid; \(cells.count) \(cells.count == 1 ? "cell" : "cells"), \(entries) \(entries == 1 ? "entry" : "entries")"
      )
    }
  }
}

struct SchemaCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "schema", abstract: "Prints the JSON Schema of experiments, for editors and validators.")

  func run() throws { print(SpecSchema.text(Session.registry), terminator: "") }
}

/// Reads spec files and reports the faults of all of them at once.
enum SpecFiles {
  static func plan(_ files: [String]) throws -> [PlannedExperiment] {
    var faults: [String] = []
    var experiments: [PlannedExperiment] = []
    for file in files {
      guard let data = FileManager.default.contents(atPath: file) else {
        let exists = FileManager.default.fileExists(atPath: file)
        faults.append("\(file): \(exists ? "cannot be read" : "no such file")")
        continue
      }
      let bytes = [UInt8](data)
      var reader = SpecReader(registry: Session.registry, source: .file(file))
      let spec = reader.read(bytes)
      guard let plan = Plan.make(spec, &reader) else {
        faults += reader.faults.sorted().map(\.description)
        continue
      }
      if let other = experiments.first(where: { $0.spec.name == spec.name }) {
        faults.append(
          "\(file):\(spec.lines["name"] ?? 1): name: '\(spec.name)' is the name of \(other.source) too; results would be lost: rename one"
        )
      }
      experiments.append(PlannedExperiment(spec: spec, plan: plan, source: file, text: bytes))
    }
    guard faults.isEmpty else { throw Failure(.content, faults) }
    return experiments
  }
}
