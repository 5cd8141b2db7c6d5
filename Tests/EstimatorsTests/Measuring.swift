import EstimatorStatistics
import ExperimentRunner
import GradientEstimation
import Testing
import WorkbenchCLI

/// GSL's default and the fast one: what is measured must not depend on which.
let generators = ["mt19937", "xoshiro256x8"]

/// Measures as the command line would.
struct Measurement {
  var model = "gaussian"
  var at = "initial"
  var samples = 1
  var replicates = 10_000
  var seed = 20_261
  var generator = "mt19937"
  var objective: String?
  var diagnostics = false
  var family: String?
  var sampling: String?

  func run(_ estimators: [String]) async throws -> CellFigures {
    var reader = SpecReader(registry: try StandardRegistry.make(), source: .commandLine)
    var options: [(key: String, values: [String], isList: Bool)] = [
      ("model", [model], false), ("at", [at], true), ("samples", [String(samples)], true),
      ("replicates", [String(replicates)], false), ("seed", [String(seed)], false), ("rng", [generator], true),
      ("estimators", estimators, true),
    ]
    if diagnostics { options.append(("diagnostics", ["true"], false)) }
    if let family { options.append(("family", [family], false)) }
    if let sampling { options.append(("sampling", [sampling], false)) }
    if let objective { options.append(("objective", [objective], false)) }
    let spec = reader.read(JSONNode(commandLine: options))
    let plan = try #require(Plan.make(spec, &reader), "\(reader.faults)")
    let results = try await Experiment.run(plan, spec, threads: 2) { _ in true }
    return try #require(results.cells.first)
  }
}

/// A closed-form variance to hold a measured one to.
struct Truth {
  let estimator: String
  let block: String
  let variance: Double
}

/// Checks measured block variances against closed forms, family-wise: the chance that any correct entry fails is 10⁻⁴.
///
/// The widths are part of the test: an interval that is too wide would agree with anything.
func check(
  _ truths: [Truth], in figures: CellFigures, familySize: Int, relativeHalfWidth limit: Double = 0.01,
  sourceLocation: SourceLocation = #_sourceLocation
) throws {
  for truth in truths {
    let name: Comment = "\(truth.estimator) \(truth.block) of \(figures.cell.text)"
    let entry = try #require(figures.entries.first { $0.entry.text == truth.estimator }, name)
    let index = try #require(entry.blocks.firstIndex { $0.block.name == truth.block }, name)
    let block = entry.blocks[index]
    if truth.variance < 1e-20 {
      #expect(block.mark == .rounding, name, sourceLocation: sourceLocation)
      continue
    }
    #expect(block.mark != .rounding, name, sourceLocation: sourceLocation)
    let strict = entry.moments.interval(ofBlock: index, level: 1 - 1e-4 / Double(familySize))
    #expect(
      strict.low <= truth.variance && truth.variance <= strict.high,
      "\(name): \(block.variance) [\(strict.low), \(strict.high)] against \(truth.variance)",
      sourceLocation: sourceLocation)
    let halfWidth = 0.5 * (block.interval.high - block.interval.low) / block.variance
    #expect(
      halfWidth <= (block.mark == .heavyTail ? 0.03 : limit), "\(name): relative half-width \(halfWidth)",
      sourceLocation: sourceLocation)
  }
}
