import GradientEstimation
import LatentModels
import Testing

/// Hessians and their diagonals, of every model that has them, against differences of its gradient.
@Suite struct HessianTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let make: @Sendable () throws -> any Integrand
  }

  static func specification<S: IntegrandSpecification>(_ options: [String: OptionValue]) throws -> S {
    var made = S()
    for (name, value) in options {
      let option = try #require(S.descriptor.options.first { $0.name == name })
      #expect(option.store(value, in: &made))
    }
    return made
  }

  static func gaussian(_ correlation: Double) -> Case {
    Case(testDescription: "gaussian, correlation \(correlation)") {
      let model: GaussianModel = try specification([
        "dimension": .integer(3), "x": .reals([1, -0.5, 2]), "noise": .real(0.8), "correlation": .real(correlation),
      ])
      return try model.makeIntegrand()
    }
  }

  static func regression<S: IntegrandSpecification>(_ type: S.Type, minibatch: Int? = nil) -> Case {
    Case(testDescription: "\(S.descriptor.id), minibatch \(minibatch ?? 0)") {
      let model: S = try specification(minibatch.map { ["minibatch": .integer($0)] } ?? [:])
      return try model.makeIntegrand()
    }
  }

  static func cost<S: IntegrandSpecification>(_ type: S.Type, k: Double?) -> Case {
    Case(testDescription: "\(S.descriptor.id), k \(k ?? 0)") {
      let options: [String: OptionValue] = k.map { ["k": .real($0)] } ?? [:]
      let model: S = try specification(options.merging(["dimension": .integer(2)]) { $1 })
      return try model.makeIntegrand()
    }
  }

  static func model<S: IntegrandSpecification>(_ type: S.Type, _ options: [String: OptionValue]) -> Case {
    Case(testDescription: "\(S.descriptor.id), \(options)") {
      let model: S = try specification(options)
      return try model.makeIntegrand()
    }
  }

  static let cases = [
    model(EightSchools.self, ["parametrisation": .text("centred")]),
    model(EightSchools.self, ["parametrisation": .text("non-centred")]),
    model(Funnel.self, ["dimension": .integer(4), "scale": .real(1.3)]),
    model(Banana.self, ["dimension": .integer(3), "scale": .real(2), "curvature": .real(-0.4)]),
    model(StateSpaceModel.self, ["steps": .integer(4)]), model(ProbabilisticPCA.self, ["components": .integer(3)]),
    model(LinearAutoencoder.self, ["datum": .integer(3), "latent": .integer(3)]),
    model(FactorAnalyzer.self, ["datum": .integer(3)]),
    model(ConjugateRegressionSpecification.self, ["data": .text("iris"), "shape": .real(2)]),
    model(BayesianMixture.self, ["components": .integer(3)]), model(BayesianMixture.self, ["components": .integer(1)]),

    gaussian(0), gaussian(-0.6), regression(LogisticRegression.self), regression(LogisticRegression.self, minibatch: 7),
    regression(PoissonRegression.self), regression(PoissonRegression.self, minibatch: 5),
    regression(LinearRegression.self), regression(LinearRegression.self, minibatch: 6), cost(LinearCost.self, k: nil),
    cost(QuadraticCost.self, k: 0.7), cost(CosineCost.self, k: 1.7), cost(ExpQuadraticCost.self, k: 0.6),
  ]

  static let (samples, lanes) = (2, 3)

  /// Rows of the data for each lane, where the model reads minibatches.
  static func indices(_ model: any Integrand) -> [Int32] {
    guard let size = (model as? any SubsampledModel)?.minibatch else { return [] }
    return (0..<size * lanes).map { Int32($0 * 2 % 50) }
  }

  /// ∇_z and ∂²/∂z_d² of `term`, `[K × D × B]`.
  static func derivatives(
    _ term: Term, of model: any Integrand, at z: [Double], samples: Int, lanes: Int, indices: [Int32]
  ) throws -> (gradient: [Double], diagonal: [Double]) {
    var block = DrawBlock(
      shape: Shape(samples: samples, dimension: model.dimension, parameters: 1, lanes: lanes), parameters: [0])
    block.draws.z = z
    block.draws.dataIndices = indices
    let needed = Quantities(gradients: Terms(term), diagonalHessians: Terms(term))
    block.evaluate(needed, of: try EvaluationOnly.problem(model))
    return (block.evaluation.gradient(of: Terms(term)), block.evaluation.diagonalHessian(of: term))
  }

  @Test(arguments: cases) func diagonalsAreDerivativesOfTheGradient(_ c: Case) throws {
    let model = try c.make(), d = model.dimension, indices = Self.indices(model)
    let z = try normals(3, Self.samples * d * Self.lanes).map { 0.5 * $0 }
    for term in model.terms.members {
      func gradient(_ z: [Double]) throws -> [Double] {
        try Self.derivatives(term, of: model, at: z, samples: Self.samples, lanes: Self.lanes, indices: indices)
          .gradient
      }
      let found = try Self.derivatives(
        term, of: model, at: z, samples: Self.samples, lanes: Self.lanes, indices: indices
      ).diagonal
      let size = found.map(abs).max() ?? 0, h = 1e-4
      for i in 0..<d {
        // Coordinate i of every draw moves at once: draws do not see each other.
        let rows = z.indices.filter { $0 / Self.lanes % d == i }
        var (up, down) = (z, z)
        for j in rows { (up[j], down[j]) = (z[j] + h, z[j] - h) }
        let (above, below) = (try gradient(up), try gradient(down))
        for j in rows { #expect(abs((above[j] - below[j]) / (2 * h) - found[j]) < 1e-6 * (1 + size), "\(term) \(j)") }
      }
    }
  }

  @Test(arguments: cases) func hessiansAreDerivativesOfTheGradient(_ c: Case) throws {
    let model = try c.make(), d = model.dimension
    let twice = try #require(model as? any TwiceDifferentiableModel)
    let whole = (model as? any SubsampledModel)?.withAllData ?? model
    let z = try normals(4, d).map { 0.5 * $0 }
    for term in model.terms.members {
      let found = twice.hessian(of: term, at: z), size = found.map(abs).max() ?? 0, h = 1e-4
      #expect(found.count == d * d)
      for i in 0..<d {
        var (up, down) = (z, z)
        (up[i], down[i]) = (z[i] + h, z[i] - h)
        let above = try Self.derivatives(term, of: whole, at: up, samples: 1, lanes: 1, indices: []).gradient
        let below = try Self.derivatives(term, of: whole, at: down, samples: 1, lanes: 1, indices: []).gradient
        for j in 0..<d {
          #expect(abs((above[j] - below[j]) / (2 * h) - found[i * d + j]) < 1e-6 * (1 + size), "\(term) \(i) \(j)")
          #expect(found[i * d + j] == found[j * d + i])
        }
      }
    }
  }
}
