import GradientEstimation
import Randomness
import Testing

/// The protocols are open: what is written outside the module runs like what is written inside.
@Suite struct GradientEstimatorTests {
  static func stream() throws -> RandomStream {
    try RandomStream(try #require(Generator.named("mt19937")), index: 3)
  }

  /// One estimate a lane, by an estimator known only as `any GradientEstimator`.
  static func estimate<E: GradientEstimator>(
    _ estimator: E, _ problem: Problem, samples: Int, lanes: Int, parameters: [Double]
  ) throws -> (gradients: [Double], noise: [Double]) {
    let shape = Shape(
      samples: samples, dimension: problem.model.dimension, parameters: problem.family.parameterCount, lanes: lanes)
    var random = try stream()
    var block = DrawBlock(shape: shape, parameters: parameters)
    block.sample(problem, random: &random)
    block.evaluate(try estimator.requirements(samples: samples, of: problem).quantities, of: problem)
    var workspace = try estimator.makeWorkspace(for: problem, shape: shape)
    var gradients = [Double](repeating: 0, count: shape.parameters * lanes)
    var span = gradients.mutableSpan
    estimator.estimate(
      problem, block, state: estimator.initialState(for: problem, parameters: parameters), random: &random,
      workspace: &workspace, into: &span)
    return (gradients, block.draws.noise)
  }

  /// ∇_z[log p(z) + log p(x|z) − log q(z)] = −z + 1 + ε = 1 − λ in every draw; the factor is an option like any other.
  @Test func anOutsiderEstimates() throws {
    var estimator = ToyEstimator()
    #expect(ToyEstimator.descriptor.options[0].store(.real(2), in: &estimator))
    let problem = try Problem(
      model: ToyModel(), family: ToyFamily(), objective: EvidenceLowerBound(), sampling: IndependentSampling())
    let opened: any GradientEstimator = estimator
    let (gradients, _) = try Self.estimate(opened, problem, samples: 4, lanes: 3, parameters: [0.25, -1])
    #expect(zip(gradients, [1.5, 1.5, 1.5, 4, 4, 4]).allSatisfy { abs($0 - $1) < 1e-14 })
  }

  @Test func outsidersOfEveryKindCompose() throws {
    let problem = try Problem(
      model: ToyModel(dimension: 1), family: ToyFamily(dimension: 1), objective: ToyObjective(), sampling: ToyPairs())
    #expect(problem.terms == .likelihood)
    let (gradients, noise) = try Self.estimate(ToyEstimator(), problem, samples: 2, lanes: 5, parameters: [0.5])
    #expect(gradients == [1, 1, 1, 1, 1])
    #expect((0..<5).allSatisfy { noise[$0] == -noise[5 + $0] && noise[$0] != 0 })
  }

  @Test func defaultsOfAnEstimatorWithoutState() throws {
    let problem = try Problem(
      model: ToyModel(), family: ToyFamily(), objective: EvidenceLowerBound(), sampling: IndependentSampling())
    let estimator = ToyEstimator(factor: 3), state = estimator.initialState(for: problem, parameters: [0, 0])
    #expect(estimator.canonical(for: problem) == estimator && estimator.warmUp(for: state) == nil)
    let requirements = try estimator.requirements(samples: 5, of: problem)
    #expect(requirements.bias == .biased("scaled") && requirements.gradientEvaluations == 5)
    #expect(requirements.minimumSamples == 1 && requirements.evaluations == 0)
    #expect(!requirements.usesRandomNumbers && !requirements.needsIndependentDraws)
  }
}
