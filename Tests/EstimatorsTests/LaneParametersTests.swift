import Estimators
import ExperimentRunner
import GradientEstimation
import Randomness
import Testing
import WorkbenchCLI

/// A block whose lanes share one λ, `[P]`, and one whose lanes have the same λ each, `[P × B]`, as data of a minibatch have theirs:
/// draws and estimates are the same to rounding, of every estimator that the registry has.
@Suite struct LaneParametersTests {
  static let cases = [
    ("gaussian:dimension=2", "mean-field-normal", "elbo"), ("linear-regression", "mean-field-normal", "elbo"),
    ("gaussian:dimension=2", "full-rank-normal", "elbo"), ("gaussian:dimension=2", "mean-field-normal", "iwae"),
    ("gaussian:dimension=2", "full-rank-normal", "iwae"), ("binary-latent", "bernoulli", "elbo"),
    ("binary-latent", "bernoulli", "iwae"),
  ]

  private func cell(_ model: String, _ family: String, _ objective: String, samples: Int) throws -> Cell {
    var reader = SpecReader(registry: try Workbench.registry(), source: .commandLine)
    let spec = reader.read(
      JSONNode(commandLine: [
        ("model", [model], false), ("family", [family], false), ("objective", [objective], false),
        ("at", ["initial"], true), ("samples", [String(samples)], true), ("estimators", ["all"], true),
      ]))
    let plan = try #require(Plan.make(spec, &reader), "\(reader.faults)")
    return try #require(plan.cells.first)
  }

  private func estimates<E: GradientEstimator>(
    _ estimator: E, _ problem: Problem, parameters: [Double], start: [Double], shape: Shape
  ) throws -> (z: [Double], gradients: [Double]) {
    let generator = try #require(Generator.named("mt19937"))
    var draws = try RandomStream(generator, index: 5), own = try RandomStream(generator, index: 6)
    var block = DrawBlock(shape: shape, parameters: parameters)
    block.sample(problem, random: &draws)
    let requirements = try estimator.requirements(samples: shape.samples, of: problem)
    block.evaluate(requirements.quantities, of: problem)
    var workspace = try estimator.makeWorkspace(for: problem, shape: shape)
    var state = estimator.initialState(for: problem, parameters: start)
    var gradients: [Double] = []
    // Once more with what it has learned from the first.
    for _ in 0..<2 {
      gradients = Array(repeating: 0, count: shape.parameters * shape.lanes)
      var span = gradients.mutableSpan
      estimator.estimate(problem, block, state: state, random: &own, workspace: &workspace, into: &span)
      estimator.adapt(&state, problem: problem, block: block, workspace: &workspace)
    }
    return (block.draws.z, gradients)
  }

  @Test(arguments: cases)
  func oneForAllOrOneEach(_ model: String, _ family: String, _ objective: String) throws {
    var served: Set<String> = []
    // Four draws serve any; some serve one or two alone.
    for samples in [4, 2, 1] {
      guard let cell = try? cell(model, family, objective, samples: samples) else { continue }
      let lanes = 8, problem = cell.problem, shape = problem.shape(samples: samples, lanes: lanes)
      // Away from where coordinates are alike.
      let shared = cell.parameters.enumerated().map { $1 + 0.1 * Double($0 + 1) }
      let each = shared.flatMap { Array(repeating: $0, count: lanes) }
      for entry in cell.entries where served.insert(entry.text).inserted {
        let one = try estimates(entry.estimator, problem, parameters: shared, start: shared, shape: shape)
        let other = try estimates(entry.estimator, problem, parameters: each, start: shared, shape: shape)
        #expect(agree(one.z, other.z, 1e-13), "\(entry.text): draws")
        #expect(agree(one.gradients, other.gradients, 1e-9), "\(entry.text) on \(model), \(family), \(objective)")
        #expect(one.gradients.contains { $0 != 0 }, "\(entry.text)")
      }
    }
    #expect(served.count >= 3)
  }
}
