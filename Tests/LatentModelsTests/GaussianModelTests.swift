import Foundation
import GradientEstimation
import LatentModels
import Testing
import VariationalFamilies

@Suite struct GaussianModelTests {
  static func model(dimension: Int = 1, x: [Double] = [1], noise: Double = 1, correlation: Double = 0) throws
    -> any LatentModel
  {
    var specification = GaussianModel()
    (specification.dimensionOption, specification.x, specification.noise) = (dimension, x, noise)
    specification.correlation = correlation
    return try #require(try specification.makeIntegrand() as? any LatentModel)
  }

  static func logNormal(_ z: Double, _ mean: Double, _ scale: Double) -> Double {
    -0.5 * log(2 * .pi) - log(scale) - 0.5 * pow((z - mean) / scale, 2)
  }

  @Test(arguments: [(1, 1, 1), (3, 2, 9), (10, 1, 3)])
  func valuesAndGradients(_ dimension: Int, _ samples: Int, _ lanes: Int) throws {
    let x = try normals(5, dimension)
    let model = try Self.model(dimension: dimension, x: x, noise: 0.6)
    try checkEvaluation(.prior, of: model, samples: samples, lanes: lanes) { $0.map { Self.logNormal($0, 0, 1) } }
    try checkEvaluation(.likelihood, of: model, samples: samples, lanes: lanes) { z in
      z.indices.map { Self.logNormal(x[$0], z[$0], 0.6) }
    }
  }

  /// The gradient of log p(x, z), which is served as one, is the two terms' added up.
  @Test func theGradientOfTheSum() throws {
    let model = try Self.model(dimension: 3, x: [1, -0.5, 2], noise: 0.6), sum: Terms = [.prior, .likelihood]
    var block = DrawBlock(shape: Shape(samples: 2, dimension: 3, parameters: 1, lanes: 5), parameters: [0])
    block.draws.z = try normals(6, 30)
    block.evaluate(
      Quantities(
        values: [], gradientSums: [TermSums(sum), TermSums(.prior), TermSums(.likelihood)], coordinateValues: []),
      of: try EvaluationOnly.problem(model))
    let parts = zip(block.evaluation.gradient(of: .prior), block.evaluation.gradient(of: .likelihood)).map { $0 + $1 }
    #expect(model.servesSums && largestError(block.evaluation.gradient(of: sum), parts) < 1e-14)
    #expect(!(try Self.model(dimension: 3, correlation: 0.5).servesSums))
  }

  @Test func moments() throws {
    let x = [1, -0.5, 2], model = try Self.model(dimension: 3, x: x, noise: 0.6)
    let mean = [0.3, -1, 0], scale = [1, 0.4, 2.5]
    try checkMoments(.prior, of: model, mean: mean, scale: scale) { Self.logNormal($1, 0, 1) }
    try checkMoments(.likelihood, of: model, mean: mean, scale: scale) { Self.logNormal(x[$0], $1, 0.6) }
    let known = try #require(model as? any NormalExpectations)
    #expect(known.hermiteMoments(of: .cost, mean: mean, scale: scale) == nil)
  }

  /// log N(x; 0, 1 + noise²), and ∫ p(x, z) dz by quadrature over the prior.
  @Test(arguments: [(1, 1, -1.515512123), (2, 0.5, -2.630510309)])
  func evidence(_ x: Double, _ noise: Double, _ published: Double) throws {
    let evidence = try #require(try Self.model(x: [x], noise: noise).logEvidence)
    #expect(abs(evidence - published) < 1e-9)
    let integral = normalRule.reduce(0.0) { $0 + $1.weight * exp(Self.logNormal(x, $1.point, noise)) }
    #expect(abs(evidence - log(integral)) < 1e-12)
    let many = try #require(try Self.model(dimension: 4, x: [x], noise: noise).logEvidence)
    #expect(abs(many - 4 * evidence) < 1e-12)
  }

  /// At the posterior the ELBO is the evidence, its gradient zero, and the integrand constant.
  @Test(arguments: [(1.0, 1.0), (2, 0.5), (-3, 2)]) func thePosteriorClosesTheGap(_ x: Double, _ noise: Double) throws {
    let model = try Self.model(dimension: 2, x: [x, 0.5], noise: noise), family = MeanFieldNormal(dimension: 2)
    let posterior = try #require(model.namedDistributions["posterior"] as? DiagonalNormal)
    #expect(abs(posterior.mean[0] - x / (1 + noise * noise)) < 1e-15)
    #expect(abs(posterior.scale[0] - noise / (1 + noise * noise).squareRoot()) < 1e-15)
    let lambda = try #require(family.parameters(of: posterior)), evidence = try #require(model.logEvidence)
    let exact = try #require(
      family.exactExpectation(of: [.prior, .likelihood, .entropy], for: model, parameters: lambda))
    #expect(abs(exact.value - evidence) < 1e-13)
    #expect(largestError(exact.gradient, [0, 0, 0, 0]) < 1e-14)
    let shift = try #require(exact.optimalShift)
    #expect(largestError(shift, [0, 0, 0, 0]) < 1e-14)
  }

  @Test func namedPoints() throws {
    let model = try Self.model(dimension: 2)
    #expect(Set(model.namedDistributions.keys) == ["prior", "posterior"])
    #expect(model.namedDistributions["prior"] as? DiagonalNormal == .standard(2))
    #expect(model.prior as? DiagonalNormal == .standard(2) && model.terms == [.prior, .likelihood])
  }

  @Test func oneDatumOrOneForEachCoordinate() throws {
    let one = try Self.model(dimension: 3, x: [2]), three = try Self.model(dimension: 3, x: [2, 2, 2])
    #expect(one.logEvidence == three.logEvidence && one.dimension == 3)
    let error = #expect(throws: ComponentError.self) { try Self.model(dimension: 3, x: [1, 2]) }
    #expect(error == ComponentError(option: "x", "holds 2 numbers for dimension 3; give one or 3"))
  }
}
