import Estimators
import ExperimentRunner
import GradientEstimation
import Randomness
import Testing
import WorkbenchCLI

/// One block of draws, and estimators run on it lane by lane.
final class Bench {
  let problem: Problem
  let parameters: [Double]
  var block: DrawBlock

  init(_ model: String, family: String = "mean-field-normal", at: String, samples: Int, lanes: Int) throws {
    let cell = try Self.cell(model, family: family, at: at, samples: samples)
    problem = cell.problem
    parameters = cell.parameters
    let shape = Shape(
      samples: samples, dimension: problem.model.dimension, parameters: problem.family.parameterCount, lanes: lanes)
    let generator = try #require(Generator.named("mt19937"))
    block = DrawBlock(shape: shape, parameters: cell.parameters)
    var random = try RandomStream(generator, index: 5)
    block.sample(problem, random: &random)
  }

  /// The cell that a spec would plan.
  private static func cell(_ model: String, family: String, at: String, samples: Int) throws -> Cell {
    var reader = SpecReader(registry: try Workbench.registry(), source: .commandLine)
    let spec = reader.read(
      JSONNode(commandLine: [
        ("model", [model], false), ("family", [family], false), ("at", [at], true),
        ("samples", [String(samples)], true),
        ("estimators", ["score"], true),
      ]))
    let plan = try #require(Plan.make(spec, &reader), "\(reader.faults)")
    return try #require(plan.cells.first)
  }

  /// The gradient of each lane, `[P × B]`.
  func run<E: GradientEstimator>(_ estimator: E) throws -> [Double] {
    let requirements = try estimator.requirements(samples: block.shape.samples, of: problem)
    block.evaluate(requirements.quantities, of: problem)
    let generator = try #require(Generator.named("mt19937"))
    var random = try RandomStream(generator, index: 6)
    var workspace = try estimator.makeWorkspace(for: problem, shape: block.shape)
    var gradients = [Double](repeating: 0, count: block.shape.parameters * block.shape.lanes)
    var span = gradients.mutableSpan
    let state = estimator.initialState(for: problem, parameters: parameters)
    estimator.estimate(problem, block, state: state, random: &random, workspace: &workspace, into: &span)
    return gradients
  }
}

/// Whether two arrays agree to rounding.
func agree(_ a: [Double], _ b: [Double], _ tolerance: Double = 1e-12) -> Bool {
  a.count == b.count && zip(a, b).allSatisfy { abs($0 - $1) <= tolerance * max(1, abs($0), abs($1)) }
}
