import Foundation
import GradientEstimation
import LatentModels
import Testing
import VariationalFamilies

/// What is evaluated between discrete points: log q extended linearly, and models that say they can be.
@Suite struct RelaxationTests {
  static func problem(
    _ model: any Integrand, _ family: any VariationalFamily, _ objective: any Objective
  ) throws -> Problem {
    try Problem(model: model, family: family, objective: objective, sampling: IndependentSampling())
  }

  /// Values and gradients of −log q, and the score, at relaxed z.
  @Test func logDensitiesAreLinear() throws {
    func check(
      _ family: any EnumerableFamily, _ lambda: [Double], _ z: [Double], _ logits: [Double], constant: Double,
      score: [Double]
    ) throws {
      let shape = Shape(samples: 1, dimension: z.count, parameters: lambda.count, lanes: 1)
      var block = DrawBlock(shape: shape, parameters: lambda)
      block.draws.z = z
      var target = BernoulliToy()
      target.targetText = Array(repeating: "0.5", count: z.count).joined(separator: "x")
      block.evaluate(
        Quantities(values: .entropy, gradients: .entropy),
        of: try Self.problem(try target.makeIntegrand(), family, Expectation()))
      let value = -zip(z, logits).reduce(constant) { $0 + $1.0 * $1.1 }
      #expect(abs(block.evaluation.values(of: .entropy)[0] - value) < 1e-14)
      #expect(zip(block.evaluation.gradient(of: .entropy), logits).allSatisfy { abs($0 + $1) < 1e-14 })
      var found = [Double](repeating: 0, count: lambda.count)
      let one = [1.0], zeros = found
      var span = found.mutableSpan
      family.addScore(weights: one.span, centers: zeros.span, at: block.draws, into: &span)
      #expect(zip(found, score).allSatisfy { abs($0 - $1) < 1e-14 })
    }
    let phi = [0.8, -1.3], theta = phi.map { 1 / (1 + exp(-$0)) }
    try check(
      MeanFieldBernoulli(dimension: 2), phi, [0.3, 0.9], phi, constant: theta.reduce(0) { $0 + log(1 - $1) },
      score: [0.3 - theta[0], 0.9 - theta[1]])
    let lambda = [0.5, -0.2, 1.1], total = log(lambda.reduce(0) { $0 + exp($1) })
    let z = [0.2, 0.5, 0.3]
    try check(
      MeanFieldCategorical(dimension: 3, categories: 3), lambda, z, lambda.map { $0 - total }, constant: 0,
      score: zip(z, lambda).map { $0 - exp($1 - total) })
  }

  /// The gradient of a relaxed model is that of its values.
  @Test func relaxedModelsAreDifferentiable() throws {
    for model in [try BernoulliToy().makeIntegrand(), try BinaryLatent().makeIntegrand()] {
      let family = MeanFieldBernoulli(dimension: 1), terms = model.terms
      #expect(model is any RelaxableModel)
      let objective: any Objective = terms.contains(.cost) ? Expectation() : EvidenceLowerBound()
      let problem = try Self.problem(model, family, objective)
      try problem.checkRelaxation()
      let z = [0.3 - 1e-4, 0.3, 0.3 + 1e-4]
      var block = DrawBlock(
        shape: Shape(samples: 1, dimension: 1, parameters: 1, lanes: 3), parameters: [0.2])
      block.draws.z = z
      block.evaluate(Quantities(values: terms, gradients: terms), of: problem)
      for term in terms.members {
        let values = block.evaluation.values(of: term), slope = (values[2] - values[0]) / 2e-4
        #expect(abs(block.evaluation.gradient(of: Terms(term))[1] - slope) < 1e-9)
      }
    }
  }

  @Test func refusesWhatCannotBeRelaxed() throws {
    let continuous = try Self.problem(
      try GaussianModel().makeIntegrand(), MeanFieldNormal(dimension: 1), EvidenceLowerBound())
    #expect(throws: EstimatorError.self) { try continuous.checkRelaxation() }
    let table = try Self.problem(Table(), MeanFieldBernoulli(dimension: 1), Expectation())
    #expect(throws: EstimatorError.self) { try table.checkRelaxation() }
    // What is differentiable on all of ℝ^D is so between discrete points.
    try Self.problem(try CosineCost().makeIntegrand(), MeanFieldBernoulli(dimension: 1), Expectation())
      .checkRelaxation()
  }

  /// Differentiable by what it conforms to, and of bits; it does not say that it extends.
  struct Table: CostFunction, DifferentiableModel {
    var dimension: Int { 1 }
    var support: Support { .binary }
    var sense: Sense { .minimize }
    func evaluate(_ needed: Quantities, at draws: borrowing Draws, into evaluation: inout Evaluation) {}
  }
}
